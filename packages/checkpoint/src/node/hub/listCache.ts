import { lstat, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { WeightError } from '@muse/backend';
import { isMissing, reason } from '../systemError.js';

/** A file of a revision. */
export interface CachedFile {
  readonly path: string;
  /** Where its bytes are: a blob that other revisions may share. */
  readonly blob: string;
  /** Undefined where the blob is missing. */
  readonly sizeBytes: number | undefined;
}

export interface CachedRevision {
  readonly commit: string;
  /** Branches and tags that were at it when last asked for. */
  readonly refs: readonly string[];
  readonly files: readonly CachedFile[];
}

export interface CachedModel {
  readonly id: string;
  /** Its folder. */
  readonly path: string;
  readonly revisions: readonly CachedRevision[];
  /** On disk, each blob once, unfinished downloads included. */
  readonly sizeBytes: number;
  readonly unfinishedBytes: number;
  readonly lastModified: Date;
}

/**
 * The models in a cache, whoever downloaded them.
 *
 * @throws WeightError when the cache can't be read; one that is not there is empty
 */
export async function listCache(cacheDir: string): Promise<CachedModel[]> {
  const names = await listFolder(cacheDir);
  const folders = names.filter((name) => name.startsWith('models--')).sort();
  return Promise.all(folders.map((name) => readModel(join(cacheDir, name))));
}

async function readModel(path: string): Promise<CachedModel> {
  const refs = await readRefs(join(path, 'refs'));
  const commits = await listFolder(join(path, 'snapshots'));
  const revisions = await Promise.all(
    commits.map(async (commit) => ({
      commit,
      refs: refs.filter((ref) => ref.commit === commit).map(({ name }) => name),
      files: await readSnapshot(join(path, 'snapshots', commit)),
    })),
  );
  const blobs = await listFolder(join(path, 'blobs'));
  let sizeBytes = 0;
  let unfinishedBytes = 0;
  let lastMs = 0;
  const paths = new Set([
    ...blobs.map((name) => join(path, 'blobs', name)),
    ...revisions.flatMap(({ files }) => files.map(({ blob }) => blob)),
  ]);
  for (const blob of paths) {
    const status = await stat(blob).catch(() => undefined);
    if (!status?.isFile()) continue;
    sizeBytes += status.size;
    if (blob.endsWith('.incomplete')) unfinishedBytes += status.size;
    lastMs = Math.max(lastMs, status.mtimeMs);
  }
  const id = basename(path).split('--').slice(1).join('/');
  return { id, path, revisions, sizeBytes, unfinishedBytes, lastModified: new Date(lastMs) };
}

async function readSnapshot(snapshot: string): Promise<CachedFile[]> {
  const entries = await readdir(snapshot, { recursive: true, withFileTypes: true }).catch(() => []);
  const files: CachedFile[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const isLink = (await lstat(path)).isSymbolicLink();
    const blob = isLink ? resolve(dirname(path), await readlink(path)) : path;
    const sizeBytes = (await stat(blob).catch(() => undefined))?.size;
    files.push({ path: relative(snapshot, path).replaceAll('\\', '/'), blob, sizeBytes });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readRefs(folder: string): Promise<{ name: string; path: string; commit: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.map(async (path) => ({
      name: relative(folder, path).replaceAll('\\', '/'),
      path,
      commit: (await readFile(path, 'utf8')).trim(),
    })),
  );
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (isMissing(cause)) return [];
    const message = `expected a cache that can be read, got ${path}: ${reason(cause)}`;
    throw new WeightError({ package: 'checkpoint', in: 'listCache' }, message, { cause });
  }
}
