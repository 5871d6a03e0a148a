import type { RgbaImage } from '@muse/muse';
import { UsageError } from '../errors.js';
import { readInput } from '../output/files.js';

/** Pixels that are read at most: twice those of 8000 × 8000, half a gigabyte as RGBA. */
const MAX_PIXELS = 2 ** 27;

/** @throws UsageError for an image that would be too large to be read again. @param what for the message */
export function checkSize(what: string, width: number, height: number): void {
  if (width * height > MAX_PIXELS) {
    throw new UsageError(
      `${what} would have ${width} × ${height} pixels: ${Math.floor(MAX_PIXELS / 1e6)} megapixels are the most`,
    );
  }
}

const FORMATS = 'PNG, JPEG, WebP, AVIF, GIF, TIFF or SVG';

/**
 * Reads an image of any format that people have as 8-bit sRGB with alpha: turned upright as its EXIF data says; colour
 * profiles, CMYK, greyscale, palettes and 16 bits brought to sRGB; of an animation the first frame. Pixels of an 8-bit
 * sRGB file keep their values.
 *
 * @param what for the message: `image`, `--mask`
 * @throws UsageError when the file can't be read, is no image, is damaged or has too many pixels
 */
export async function readImage(what: string, path: string): Promise<RgbaImage> {
  const bytes = await readInput(what, path);
  const { default: sharp } = await import('sharp');
  try {
    // 'error': what only deserves a warning, such as stray bytes in a JPEG, is in many files and does no harm.
    const { data, info } = await sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return { width, height, data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength) };
  } catch (error) {
    throw new UsageError(`${what} ${path} can't be read: ${reason(error)}`, { cause: error });
  }
}

/** libvips' words in ours. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/unsupported image format|corrupt header|is empty/i.test(message)) {
    return `expected a ${FORMATS} image, got something else or a damaged one`;
  }
  if (/pixel limit/i.test(message)) {
    return `it has more than ${Math.floor(MAX_PIXELS / 1e6)} megapixels: make it smaller`;
  }
  return `it is damaged, or of a kind that is not known (${message.replace(/\s+/g, ' ').trim()})`;
}
