import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WeightError } from '@muse/backend';
import { fileHasher } from '../../hub/hash.js';
import { reason } from '../systemError.js';
import { nodeHasher } from './environment.js';
import { type CachedModel, type CachedRevision, listCache } from './listCache.js';
import { hashOfName, modelFolderName } from './modelCache.js';
import { readTree } from './tree.js';

/**
 * Removes a model, or one revision of it with what no other revision has.
 *
 * @param revision commit, the first digits of one, branch or tag
 * @returns bytes that are free again
 * @throws WeightError when the cache has no such model or revision, or it can't be removed
 */
export async function removeCached(cacheDir: string, id: string, revision?: string): Promise<number> {
  const model = await findModel(cacheDir, id);
  if (revision === undefined) return removeAll(cacheDir, model);
  const found = findRevision(model, revision);
  const others = model.revisions.filter((other) => other !== found);
  if (others.length === 0) return removeAll(cacheDir, model);
  const kept = new Set(others.flatMap(({ files }) => files.map(({ blob }) => blob)));
  const blobs = new Map(
    found.files.filter(({ blob }) => !kept.has(blob)).map(({ blob, sizeBytes = 0 }) => [blob, sizeBytes]),
  );
  // The names first: what is interrupted leaves blobs without a name, never names without a blob.
  await remove([
    ...found.refs.map((ref) => join(model.path, 'refs', ...ref.split('/'))),
    join(model.path, 'snapshots', found.commit),
    join(model.path, 'trees', `${found.commit}.json`),
    ...blobs.keys(),
  ]);
  return [...blobs.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

async function removeAll(cacheDir: string, model: CachedModel): Promise<number> {
  await remove([
    join(model.path, 'refs'),
    join(model.path, 'snapshots'),
    model.path,
    join(cacheDir, '.locks', basename(model.path)),
  ]);
  return model.sizeBytes;
}

async function remove(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (cause) {
      throw problem('removeCached', `expected to remove ${path}, got ${reason(cause)}`, cause);
    }
  }
}

async function findModel(cacheDir: string, id: string): Promise<CachedModel> {
  const models = await listCache(cacheDir);
  const found = models.find((model) => basename(model.path) === modelFolderName(id));
  if (found) return found;
  throw problem('removeCached', `expected a model in ${cacheDir}, got no ${id} there`);
}

function findRevision({ id, revisions }: CachedModel, name: string): CachedRevision {
  const byRef = revisions.find(({ refs }) => refs.includes(name));
  const byCommit = name.length < 4 ? [] : revisions.filter(({ commit }) => commit.startsWith(name));
  if (byRef) return byRef;
  if (byCommit.length === 1) return byCommit[0]!;
  const known = revisions.map(({ commit, refs }) => [commit.slice(0, 8), ...refs].join(' ')).join(', ');
  throw problem('removeCached', `${id}: expected one of the revisions ${known || '(none)'}, got ${name}`);
}

/** A file of a cache that is not what it should be. */
export interface BrokenFile {
  readonly id: string;
  /** In the model. */
  readonly path: string;
  readonly blob: string;
  readonly problem: string;
}

export interface VerifyOptions {
  /** Only this model. */
  readonly id?: string;
  /** Remove what is broken, blob and names, so that it is fetched again. */
  readonly remove?: boolean;
  /** Called for each file before its bytes are read. */
  readonly onFile?: (file: { readonly id: string; readonly path: string; readonly sizeBytes: number }) => void;
  readonly signal?: AbortSignal;
}

export interface VerifiedCache {
  readonly numFiles: number;
  readonly sizeBytes: number;
  readonly broken: readonly BrokenFile[];
}

/**
 * Reads every file of a cache and holds it against the hash that is its name, and against the size that the hub listed.
 *
 * @throws WeightError when the cache can't be read or has no model of that name; the signal's reason
 */
export async function verifyCache(
  cacheDir: string,
  { id, remove: isToRemove = false, onFile, signal }: VerifyOptions = {},
): Promise<VerifiedCache> {
  const models = id === undefined ? await listCache(cacheDir) : [await findModel(cacheDir, id)];
  const broken: BrokenFile[] = [];
  const done = new Set<string>();
  let bytes = 0;
  for (const model of models) {
    for (const revision of model.revisions) {
      const listed = await readTree(join(model.path, 'trees', `${revision.commit}.json`));
      for (const file of revision.files) {
        if (done.has(file.blob)) continue;
        done.add(file.blob);
        signal?.throwIfAborted();
        const { path, blob, sizeBytes } = file;
        if (sizeBytes !== undefined) onFile?.({ id: model.id, path, sizeBytes });
        bytes += sizeBytes ?? 0;
        const wrong = await checkFile(blob, sizeBytes, listed?.get(path), signal);
        if (wrong === undefined) continue;
        broken.push({ id: model.id, path, blob, problem: wrong });
        if (isToRemove) await remove([...namesOf(model, blob), blob]);
      }
    }
  }
  return { numFiles: done.size, sizeBytes: bytes, broken };
}

/** Paths in snapshots that lead to a blob. */
function namesOf(model: CachedModel, blob: string): string[] {
  return model.revisions.flatMap(({ commit, files }) =>
    files
      .filter((file) => file.blob === blob)
      .map(({ path }) => join(model.path, 'snapshots', commit, ...path.split('/'))),
  );
}

async function checkFile(
  blob: string,
  sizeBytes: number | undefined,
  listed: { sizeBytes: number; hash?: ReturnType<typeof hashOfName> } | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (sizeBytes === undefined) return 'its bytes are missing';
  if (listed && listed.sizeBytes !== sizeBytes) return `expected ${listed.sizeBytes} bytes, got ${sizeBytes}`;
  const hash = hashOfName(basename(blob)) ?? listed?.hash;
  if (!hash) return undefined;
  const hasher = fileHasher(hash.kind, sizeBytes, nodeHasher);
  try {
    for await (const piece of createReadStream(blob, { highWaterMark: 2 ** 20, signal }))
      hasher.update(piece as Uint8Array);
  } catch (cause) {
    signal?.throwIfAborted();
    return `can't be read: ${reason(cause)}`;
  }
  const got = hasher.hex();
  return got === hash.hex
    ? undefined
    : `expected ${hash.kind === 'sha256' ? 'SHA-256' : 'git hash'} ${hash.hex}, got ${got}`;
}

function problem(where: string, message: string, cause?: unknown): WeightError {
  return new WeightError({ package: 'checkpoint', in: where }, message, { cause });
}
