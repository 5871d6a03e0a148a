import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { WeightError } from '@muse/backend';
import type { ByteSource } from '../../byteSource.js';
import type { FileHash } from '../../hub/hash.js';
import type { ModelCache } from '../../hub/hubFolder.js';
import type { ListedFile, Listing } from '../../hub/listing.js';
import type { FileCache, RemoteFile } from '../../hub/remoteFile.js';
import { fileSource } from '../fileSource.js';
import { isMissing, reason } from '../systemError.js';
import { writeFileAtomic } from '../writeFileAtomic.js';
import { lockFile } from './fileLock.js';
import { openPartialFile } from './partialFile.js';
import { readTree, treeJson } from './tree.js';

const COMMIT = /^[0-9a-f]{40}$/;

/** Name of a model's folder in a cache. */
export function modelFolderName(id: string): string {
  return `models--${id.replaceAll('/', '--')}`;
}

/**
 * A model in a cache of huggingface_hub's layout, so that Python and we see each other's files:
 *
 * ```
 * models--org--name/refs/main                  the commit
 * models--org--name/trees/<commit>.json        what the commit holds (huggingface_hub 2)
 * models--org--name/blobs/<hash>               bytes, by SHA-256 or by git's hash
 * models--org--name/snapshots/<commit>/<path>  link to the blob
 * ```
 */
export function nodeModelCache(cacheDir: string, id: string, signal?: AbortSignal): ModelCache {
  const folder = join(cacheDir, modelFolderName(id));
  const locks = join(cacheDir, '.locks', modelFolderName(id));
  const refPath = (revision: string) => join(folder, 'refs', ...revision.split('/'));
  return {
    async recall(revision) {
      const commit = COMMIT.test(revision) ? revision : await readText(refPath(revision));
      if (commit === undefined || !COMMIT.test(commit)) return undefined;
      const files = await readTree(join(folder, 'trees', `${commit}.json`));
      if (files) return { commit, files, isComplete: true };
      const present = await snapshotFiles(join(folder, 'snapshots', commit));
      return present.size > 0 ? { commit, files: present, isComplete: false } : undefined;
    },
    async remember(revision, { commit, files }: Listing) {
      await guard(folder, async () => {
        // A ref to a commit without a folder counts as a broken cache.
        for (const inner of ['blobs', `snapshots/${commit}`, 'trees', 'refs']) {
          await mkdir(join(folder, inner), { recursive: true });
        }
      });
      await writeFileAtomic(join(folder, 'trees', `${commit}.json`), treeJson(files));
      if (COMMIT.test(revision) || (await readText(refPath(revision))) === commit) return;
      await guard(folder, () => mkdir(dirname(refPath(revision)), { recursive: true }));
      await writeFileAtomic(refPath(revision), commit);
    },
    files: (commit) => commitFiles(folder, join(folder, 'snapshots', commit), locks, signal),
  };
}

function commitFiles(folder: string, snapshot: string, locks: string, signal: AbortSignal | undefined): FileCache {
  const pointer = ({ path }: RemoteFile) => join(snapshot, ...path.split('/'));
  const blob = (file: RemoteFile) => (file.hash ? join(folder, 'blobs', file.hash.hex) : pointer(file));
  const openCached = async (file: RemoteFile): Promise<ByteSource | undefined> => {
    const there = (await openIfWhole(pointer(file), file)) ?? undefined;
    if (there || !file.hash) return there;
    if (!(await hasSize(blob(file), file.sizeBytes))) return undefined;
    await guard(folder, () => linkFile(blob(file), pointer(file)));
    return openIfWhole(pointer(file), file);
  };
  return {
    open: openCached,
    begin: (file) => beginFile(blob(file), join(locks, `${basename(blob(file))}.muse.lock`), file, openCached, signal),
  };
}

/** A download of a file into `path`, by one process at a time. */
export async function beginFile(
  path: string,
  lock: string,
  file: RemoteFile,
  openCached: (file: RemoteFile) => Promise<ByteSource | undefined>,
  signal: AbortSignal | undefined,
) {
  const unlock = await guard(dirname(path), async () => {
    await mkdir(dirname(path), { recursive: true });
    return lockFile(lock, signal);
  });
  try {
    // Whoever had the lock before may have brought the file.
    const there = await openCached(file);
    if (!there) return await openPartialFile(path, file, unlock);
    await there.close();
    await unlock();
    return undefined;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** A file of the right size; another size is what a crash of another program left. */
export async function openIfWhole(path: string, { sizeBytes }: RemoteFile): Promise<ByteSource | undefined> {
  return (await hasSize(path, sizeBytes)) ? fileSource(path) : undefined;
}

async function hasSize(path: string, sizeBytes: number): Promise<boolean> {
  try {
    const status = await stat(path);
    return status.isFile() && status.size === sizeBytes;
  } catch (error) {
    if (isMissing(error)) return false;
    throw problem(path, error);
  }
}

/**
 * Relative, so that a cache can be moved. Where links are not allowed (Windows), the file itself takes its place. Renamed into
 * place: another reader of the file finds the old link or the new one, never none.
 */
async function linkFile(blob: string, pointer: string): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  const temporary = `${pointer}.${randomUUID()}.link`;
  try {
    await symlink(relative(dirname(pointer), blob), temporary);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP') throw error;
    await rename(blob, pointer);
    return;
  }
  try {
    await rename(temporary, pointer);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What is there of a commit, where no list of it was kept (huggingface_hub 1). */
async function snapshotFiles(snapshot: string): Promise<Map<string, ListedFile>> {
  const files = new Map<string, ListedFile>();
  const entries = await readdir(snapshot, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const status = await stat(path).catch(() => undefined);
    if (!status?.isFile()) continue;
    const name = relative(snapshot, path).replaceAll('\\', '/');
    files.set(name, { sizeBytes: status.size, hash: await hashOfLink(path) });
  }
  return files;
}

/** A link's blob is named by its hash. */
async function hashOfLink(path: string): Promise<FileHash | undefined> {
  if (!(await lstat(path)).isSymbolicLink()) return undefined;
  return hashOfName(basename(resolve(dirname(path), await readlink(path))));
}

export function hashOfName(name: string): FileHash | undefined {
  if (/^[0-9a-f]{64}$/.test(name)) return { kind: 'sha256', hex: name };
  return COMMIT.test(name) ? { kind: 'git-sha1', hex: name } : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw problem(path, error);
  }
}

async function guard<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof WeightError || (error as Error).name === 'AbortError') throw error;
    throw problem(folder, error);
  }
}

function problem(path: string, cause: unknown): WeightError {
  return new WeightError(
    { package: 'checkpoint', in: 'cache' },
    `${path}: expected a cache that can be read and written, got ${reason(cause)}`,
    { cause },
  );
}
