import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, extname, join, parse, resolve } from 'node:path';
import { UsageError } from '../errors.js';
import { clip } from './slug.js';

/** Why the system refused, in words. */
function reason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: 'no such file or folder',
    ENOTDIR: 'a part of the path is no folder',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file would be larger than allowed',
    ENAMETOOLONG: 'the name is too long',
    EMFILE: 'too many files are open',
  };
  return words[code ?? ''] ?? (error instanceof Error ? error.message : String(error));
}

/** Bytes of a file that the user named. @param what for the message: `image`, `--prompts` */
export async function readInput(what: string, path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UsageError(`${what} ${path} can't be read: ${reason(error)}`, { cause: error });
  }
}

/** A file's name without folder and extension, short enough to be a part of another's. */
export function stemOf(path: string): string {
  return clip(parse(path).name);
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'none'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'none';
  }
}

/** Makes sure, before any work, that files can be made in a folder: by making one and taking it away. */
async function checkWritable(option: string, folder: string): Promise<void> {
  const probe = join(folder, `.muse-${randomBytes(6).toString('hex')}.tmp`);
  try {
    await (await open(probe, 'wx')).close();
  } catch (error) {
    throw new UsageError(`${option}: nothing can be written in ${folder}: ${reason(error)}`, { cause: error });
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

/** Where files go: a folder, and the one file's name if the user gave it. */
export interface Destination {
  readonly folder: string;
  /** Full path. */
  readonly file?: string;
}

export interface DestinationRequest {
  /** Name of the option, for messages. */
  readonly option: string;
  /** Its value; the current folder if left out. */
  readonly value?: string;
  /** `.png`; a value that ends so is a file. */
  readonly extension: string;
  readonly numFiles: number;
  /** What they are of, for messages; default images. */
  readonly what?: string;
  readonly force?: boolean;
}

/** @throws UsageError if the folder is not there, can't be written to, or the file exists already */
export async function resolveDestination(request: DestinationRequest): Promise<Destination> {
  const { option, value, extension, numFiles, what = 'images', force = false } = request;
  const path = resolve(value ?? '.');
  const kind = await kindOf(path);
  const isFile = kind !== 'folder' && value !== undefined && extname(path).toLowerCase() === extension;
  if (!isFile) {
    if (kind === 'none') {
      const hint = extname(path) === '' ? `make it first (mkdir -p "${value}")` : `a file's name ends in ${extension}`;
      throw new UsageError(`${option}: there is no folder ${value}: ${hint}`);
    }
    if (kind === 'file') throw new UsageError(`${option}: ${value} is a file that doesn't end in ${extension}`);
    await checkWritable(option, path);
    return { folder: path };
  }
  if (numFiles > 1) {
    throw new UsageError(`${option}: one file for ${numFiles} ${what}: name a folder`);
  }
  const folder = dirname(path);
  if ((await kindOf(folder)) !== 'folder') {
    throw new UsageError(`${option}: there is no folder ${folder}: make it first (mkdir -p "${folder}")`);
  }
  if (kind === 'file' && !force) {
    throw new UsageError(`${option}: ${value} exists already: --force overwrites it`);
  }
  await checkWritable(option, folder);
  return { folder, file: path };
}

export interface WrittenFile {
  readonly path: string;
  /** The file was there already, with the same bytes. */
  readonly isUnchanged: boolean;
}

/**
 * Writes a file whose name the user did not choose, without overwriting: if the name is taken by the same bytes it is
 * left as it is, if by others the new one becomes `name-2`, `name-3`, …
 */
async function writeFree(path: string, bytes: Uint8Array, force = false): Promise<WrittenFile> {
  const { writeFileAtomic } = await import('@muse/checkpoint/node');
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? path : `${stem}-${number}${extension}`;
    const kind = await kindOf(candidate);
    if (kind === 'none' || (force && kind === 'file')) {
      await writeFileAtomic(candidate, bytes);
      return { path: candidate, isUnchanged: false };
    }
    if (kind === 'file' && Buffer.from(bytes).equals(await readInput('file', candidate))) {
      return { path: candidate, isUnchanged: true };
    }
  }
}

/** Writes to a destination: the named file, or `name` in its folder. */
export async function writeTo(
  { folder, file }: Destination,
  name: string,
  bytes: Uint8Array,
  force = false,
): Promise<WrittenFile> {
  if (file === undefined) return writeFree(join(folder, name), bytes, force);
  const { writeFileAtomic } = await import('@muse/checkpoint/node');
  if (!force && (await kindOf(file)) !== 'none') {
    throw new UsageError(`${file} was made by something else meanwhile: --force overwrites it`);
  }
  await writeFileAtomic(file, bytes);
  return { path: file, isUnchanged: false };
}
