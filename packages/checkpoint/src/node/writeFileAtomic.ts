import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError, MuseError } from '@muse/backend';
import { reason } from './systemError.js';

/**
 * Writes a file so that at any moment, a power cut included, the path holds the old file or the whole new one: temporary
 * name in the same folder, fsync, rename, fsync of the folder.
 *
 * @throws ConfigError when it can't be written (folder missing, no permission, disk full); nothing is left behind
 */
export async function writeFileAtomic(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  await writeChunksAtomic(path, [bytes]);
}

/** {@link writeFileAtomic} for a file that is made piece by piece; an error of the maker leaves nothing behind either. */
export async function writeChunksAtomic(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  let file: FileHandle | undefined;
  let isCreated = false;
  try {
    file = await open(temporary, 'wx');
    isCreated = true;
    for await (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    // What went wrong first is what people need to know, so a failing clean-up is not reported over it.
    await file?.close().catch(() => {});
    if (isCreated) await rm(temporary, { force: true }).catch(() => {});
    if (cause instanceof MuseError) throw cause;
    const place = { package: 'checkpoint', in: 'writeFileAtomic' };
    throw new ConfigError(place, `expected a path that can be written, got ${path}: ${reason(cause)}`, { cause });
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30));
    done += bytesWritten;
  }
}

/**
 * Makes the new name itself durable. The file is whole either way, and some systems can't (Windows, some network file
 * systems), so a failure is none of the caller's.
 */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}
