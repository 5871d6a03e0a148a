import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { ConfigError, ImageError } from '@muse/backend';
import { cropResize } from '../data/cropResize.js';
import type { Dataset } from '../data/dataset.js';
import { crc32c } from '../metrics/crc32c.js';
import { readCaptions } from './captionFiles.js';
import { decodeImageFile, imageExtensions } from './decodeImageFile.js';

export interface ImageFolderOptions {
  readonly path: string;
  /** Side in pixels that images are cut and scaled to. */
  readonly imageSize: number;
  /** Whether a picture without a caption is an error; a tokenizer needs none. Default true. */
  readonly needsCaptions?: boolean;
  /** Keep decoded images in memory up to so many bytes in all. Default 1 GiB. */
  readonly cacheBytes?: number;
  /** While the files are checked. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImageFolderDataset extends Dataset {
  /** Every word of the captions, for `trainBase`. */
  readonly words: readonly string[];
}

/** Bad files that a report names before it only counts. */
const REPORTED_FILES = 20;

/**
 * A folder of images with captions: `name.txt` beside `name.png`, or metadata.jsonl or metadata.csv with the columns
 * `file_name` and `text`. PNG is read by itself; JPEG and WebP need the optional package sharp. Every file is decoded
 * once before training starts.
 *
 * @throws ImageError that lists every file which can't be used and why
 * @throws ConfigError if the folder can't be read or holds no image
 */
export async function imageFolder(options: ImageFolderOptions): Promise<ImageFolderDataset> {
  const { imageSize, needsCaptions = true, cacheBytes = 2 ** 30, onProgress } = options;
  const root = resolve(options.path);
  const names = await listImages(root);
  const { entries, problems } = await readCaptions(root, names, needsCaptions);
  let cachedBytes = 0;
  const cache = new Map<number, Float32Array>();
  const load = async (index: number) => {
    const cached = cache.get(index);
    if (cached) return cached;
    const image = cropResize(await decodeImageFile(join(root, entries[index]!.file)), imageSize);
    if (cachedBytes + image.byteLength <= cacheBytes) {
      cache.set(index, image);
      cachedBytes += image.byteLength;
    }
    return image;
  };
  for (const [index, { file }] of entries.entries()) {
    await load(index).catch((error: unknown) => problems.push({ file, reason: (error as Error).message }));
    onProgress?.(index + 1, entries.length);
  }
  if (problems.length > 0) throw badFiles(root, problems);

  const captions = entries.map(({ caption }) => caption);
  const listing = JSON.stringify(entries);
  return {
    id: `folder ${basename(root)} ${imageSize} ${crc32c(new TextEncoder().encode(listing))}`,
    size: entries.length,
    imageSize,
    words: wordsOf(captions),
    image: load,
    caption: (index) => captions[index]!,
  };
}

/** Why a file can't be used. */
export interface BadFile {
  readonly file: string;
  readonly reason: string;
}

async function listImages(root: string): Promise<string[]> {
  const place = { package: 'trainer', in: 'imageFolder' };
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new ConfigError(place, `expected a folder of images, got ${root}, which is none`);
  const files = await readdir(root, { recursive: true, withFileTypes: true });
  const names = files
    .filter((file) => file.isFile() && imageExtensions.includes(extname(file.name).toLowerCase()))
    .map((file) =>
      join(file.parentPath, file.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  if (names.length === 0) {
    throw new ConfigError(place, `expected images (${imageExtensions.join(', ')}) in ${root}, got none`);
  }
  return names;
}

function badFiles(root: string, problems: readonly BadFile[]): ImageError {
  const lines = problems.slice(0, REPORTED_FILES).map(({ file, reason }) => `  ${file}: ${reason}`);
  if (problems.length > REPORTED_FILES) lines.push(`  and ${problems.length - REPORTED_FILES} more`);
  return new ImageError(
    { package: 'trainer', in: 'imageFolder' },
    `expected usable files in ${root}, got ${problems.length} bad:\n${lines.join('\n')}`,
  );
}

/** Printable ASCII words, lower-cased, without the marks around them: what `wordVocabularyTokenizer` takes. */
function wordsOf(captions: readonly string[]): string[] {
  const words = new Set<string>();
  for (const caption of captions) {
    const plain = caption.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
    for (const word of plain.match(/[a-z0-9][a-z0-9'-]*/g) ?? []) words.add(word);
  }
  return [...words].sort();
}
