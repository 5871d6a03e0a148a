import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MuseError, WeightError } from '@muse/backend';
import { chunkCount, chunkRange, type PartialFile, type RemoteFile } from '../../hub/remoteFile.js';
import { reason } from '../systemError.js';

/** Suffixes that huggingface_hub's `hf cache prune` takes for unfinished downloads; its own code opens other names. */
const DATA = '.muse.incomplete';
const LOG = '.muse-chunks.incomplete';

/**
 * A file under way on a disk: its bytes at their places, and beside it a log of the chunks that are there (int32: the
 * chunks' size, then their numbers as they were finished). Renamed to `path` when it is whole.
 *
 * @param onRelease called once, at the end
 */
export async function openPartialFile(
  path: string,
  remote: RemoteFile,
  onRelease: () => Promise<void>,
): Promise<PartialFile> {
  const { sizeBytes, chunkBytes } = remote;
  const data = await openFile(path + DATA, path, remote);
  let log: FileHandle;
  try {
    log = await openFile(path + LOG, path, remote);
  } catch (error) {
    await data.close();
    throw error;
  }
  const chunks = new Set<number>();
  const guarded = <T>(action: () => Promise<T>) => guard(path, remote, action);
  const discard = async () => {
    chunks.clear();
    await data.truncate(0);
    await log.truncate(0);
    await writeAll(log, int32(chunkBytes), 0);
  };
  let logBytes = await guarded(async () => {
    const { size } = await data.stat();
    const entries = await readLog(log);
    if (entries[0] !== chunkBytes) {
      await discard();
      return 4;
    }
    for (const chunk of entries.slice(1)) {
      if (chunk >= 0 && chunk < chunkCount(remote) && chunkRange(chunk, remote)[1] <= size) chunks.add(chunk);
    }
    return 4 * entries.length;
  });
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await data.close();
    await log.close();
  };
  const partial: PartialFile = {
    chunks,
    write: (chunk, bytes) =>
      guarded(async () => {
        await writeAll(data, bytes, chunk * chunkBytes);
        const at = logBytes;
        logBytes += 4;
        await writeAll(log, int32(chunk), at);
        chunks.add(chunk);
      }),
    read: (chunk) =>
      guarded(async () => {
        const [begin, end] = chunkRange(chunk, remote);
        const bytes = new Uint8Array(end - begin);
        const { bytesRead } = await data.read(bytes, 0, bytes.length, begin);
        if (bytesRead === bytes.length) return bytes;
        throw new Error(`${bytesRead} of ${bytes.length} bytes at ${begin}`);
      }),
    commit: () =>
      guarded(async () => {
        await data.truncate(sizeBytes);
        await data.sync();
        await close();
        await rename(path + DATA, path);
        await rm(path + LOG, { force: true });
      }),
    discard: () =>
      guarded(async () => {
        await discard();
        logBytes = 4;
      }),
    async release() {
      try {
        if (isOpen && chunks.size === 0) {
          await close();
          await Promise.all([DATA, LOG].map((suffix) => rm(path + suffix, { force: true })));
        }
        await close();
      } finally {
        await onRelease();
      }
    },
  };
  try {
    await guarded(() => checkRoom(path, remote, chunks));
  } catch (error) {
    await close();
    throw error;
  }
  return partial;
}

/** A download that can't fit is told before it fills the disk. */
async function checkRoom(path: string, remote: RemoteFile, chunks: ReadonlySet<number>) {
  let missing = remote.sizeBytes;
  for (const chunk of chunks) {
    const [begin, end] = chunkRange(chunk, remote);
    missing -= end - begin;
  }
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  // Some network file systems say 0 of everything.
  if (free >= missing || bsize === 0) return;
  throw problem(`expected ${missing} bytes of room for ${remote.path} in ${dirname(path)}, got ${free} on that disk`);
}

async function openFile(file: string, path: string, remote: RemoteFile): Promise<FileHandle> {
  return guard(path, remote, () => open(file, constants.O_RDWR | constants.O_CREAT, 0o666));
}

async function readLog(log: FileHandle): Promise<Int32Array> {
  const bytes = new Uint8Array((await log.stat()).size & ~3);
  const { bytesRead } = await log.read(bytes, 0, bytes.length, 0);
  return new Int32Array(bytes.buffer, 0, bytesRead >> 2);
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

async function guard<T>(path: string, remote: RemoteFile, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof MuseError) throw cause;
    throw problem(
      `expected to keep ${remote.path}, ${remote.sizeBytes} bytes, in ${dirname(path)}, got ${reason(cause)}`,
      cause,
    );
  }
}

function problem(message: string, cause?: unknown): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'download' }, message, { cause });
}
