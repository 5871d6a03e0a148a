import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { ImageError } from '@muse/backend';
import { decodePng } from '@muse/muse';
import { type PixelImage, toPixelImage } from '../data/cropResize.js';

export const imageExtensions: readonly string[] = ['.png', '.jpg', '.jpeg', '.webp'];

const place = { package: 'trainer', in: 'decodeImageFile' };

/**
 * Pixels of a PNG, or with the optional package sharp of a JPEG or WebP; transparent parts lie on white.
 *
 * @throws ImageError if the file is damaged, or sharp is needed and not there
 */
export async function decodeImageFile(path: string): Promise<PixelImage> {
  const bytes = await readFile(path);
  const isPng = extname(path).toLowerCase() === '.png';
  try {
    return isPng ? decodePngPixels(bytes) : await decodeWithSharp(bytes);
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    throw new ImageError(place, `expected an image, got ${(cause as Error).message}`, { cause });
  }
}

function decodePngPixels(bytes: Uint8Array): PixelImage {
  const { width, height, data } = decodePng(bytes);
  return toPixelImage(width, height, 4, data);
}

async function decodeWithSharp(bytes: Uint8Array): Promise<PixelImage> {
  const sharp = await import('sharp').catch((cause: unknown) => {
    throw new ImageError(place, 'expected a PNG, or the package sharp to read JPEG and WebP: npm install sharp', {
      cause,
    });
  });
  const { data, info } = await sharp
    .default(bytes)
    .rotate()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return toPixelImage(info.width, info.height, info.channels, data);
}
