import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { type ByteSource, type FolderSource, isInnerPath, missingFile } from '../byteSource.js';
import { isMissing, reason } from './systemError.js';

/** Largest single read that Node takes. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * Opens a file of the file system. The caller closes it.
 *
 * @throws WeightError when it is not there, is no file or can't be read
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const problem = (message: string, cause?: unknown) =>
    new WeightError({ package: 'checkpoint', in: 'fileSource' }, `${path}: ${message}`, { cause });
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw problem(`expected a file that can be read, got ${reason(cause)}`, cause);
  });
  const status = await file.stat();
  if (!status.isFile()) {
    await file.close();
    throw problem(`expected a file, got ${status.isDirectory() ? 'a folder' : 'something else'}`);
  }
  return {
    name: path,
    sizeBytes: status.size,
    async read(offset, length, into) {
      const bytes = into ?? new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const part = Math.min(length - done, MAX_READ_BYTES);
        const { bytesRead } = await file.read(bytes, done, part, offset + done).catch((cause: unknown) => {
          throw problem(`expected ${length} bytes at ${offset}, got ${reason(cause)}`, cause);
        });
        if (bytesRead === 0) throw problem(`expected ${length} bytes at ${offset}, got ${done}: did the file shrink?`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}

/** A folder of the file system; nothing is checked until a file of it is asked for. */
export function nodeFolder(path: string): FolderSource {
  return {
    location: path,
    async open(inner) {
      if (!(await hasFile(path, inner))) throw missingFile(path, inner);
      return fileSource(join(path, inner));
    },
    has: (inner) => hasFile(path, inner),
  };
}

async function hasFile(folder: string, inner: string): Promise<boolean> {
  if (!isInnerPath(inner)) return false;
  try {
    return (await stat(join(folder, inner))).isFile();
  } catch (cause) {
    if (isMissing(cause)) return false;
    throw new WeightError(
      { package: 'checkpoint', in: 'nodeFolder' },
      `${join(folder, inner)}: expected a file that can be read, got ${reason(cause)}`,
      { cause },
    );
  }
}
