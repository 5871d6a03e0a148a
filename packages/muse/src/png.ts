import { ImageError } from '@muse/backend';
import { type DecodedPng, decode, encode } from 'fast-png';
import type { RgbaImage } from './image.js';
import { readPngHeader, withText } from './pngChunks.js';

/** Pixels that are read at most: a header of a few bytes can ask for 2⁶² of them. */
const MAX_PIXELS = 2 ** 26;

/**
 * A PNG file: RGB where the image is opaque, RGBA else. The same image and text give the same bytes.
 *
 * @param text chunks by keyword, any Unicode text; keywords are 1 to 79 characters of ASCII
 */
export function encodePng(image: RgbaImage, text: Readonly<Record<string, string>> = {}): Uint8Array {
  const { width, height, data } = image;
  let isOpaque = true;
  for (let i = 3; i < data.length; i += 4) isOpaque &&= data[i] === 255;
  const channels = isOpaque ? 3 : 4;
  const samples = isOpaque ? withoutAlpha(data) : data;
  const bytes = encode({ width, height, data: samples, channels, depth: 8 }, { zlib: { level: 9 } });
  return withText(bytes, text);
}

/** RGB of RGBA. By hand: `filter` collects values in an array of JavaScript, too large at 8000 × 8000 pixels. */
function withoutAlpha(data: Uint8ClampedArray): Uint8ClampedArray {
  const samples = new Uint8ClampedArray((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    samples[to] = data[from]!;
    samples[to + 1] = data[from + 1]!;
    samples[to + 2] = data[from + 2]!;
  }
  return samples;
}

/**
 * Reads a PNG file of any colour type and depth; 16-bit samples lose their lower byte.
 *
 * @throws ImageError when it is no PNG, is damaged or has more than 2²⁶ pixels
 */
export function decodePng(bytes: Uint8Array): RgbaImage {
  const place = { package: 'muse', in: 'decodePng' };
  const { width, height } = readPngHeader(bytes);
  if (width * height > MAX_PIXELS) {
    throw new ImageError(place, `expected at most ${MAX_PIXELS} pixels, got ${width} × ${height}`);
  }
  try {
    return toRgbaImage(decode(bytes, { checkCrc: true }));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(place, `expected a whole PNG file, got a damaged one (${reason})`, { cause });
  }
}

function toRgbaImage(png: DecodedPng): RgbaImage {
  const { width, height, channels, depth, palette, transparency } = png;
  const samplesPerRow = depth === 16 ? width * channels : Math.ceil((width * channels * depth) / 8);
  if (png.data.length < samplesPerRow * height) throw new Error('pixels are missing');
  const highest = 2 ** depth - 1;
  /** Sample i of a row; those under 8 bits are packed, the leftmost in the highest bits. */
  const sample = (row: number, i: number): number => {
    const start = row * samplesPerRow;
    if (depth >= 8) return png.data[start + i]!;
    const bit = i * depth;
    return (png.data[start + (bit >> 3)]! >> (8 - depth - (bit & 7))) & highest;
  };
  const toByte = (value: number) => (depth === 16 ? value >> 8 : Math.round((value * 255) / highest));
  const data = new Uint8ClampedArray(width * height * 4);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const values = Array.from({ length: channels }, (_, c) => sample(row, column * channels + c));
      const at = 4 * (row * width + column);
      if (palette) {
        const color = palette[values[0]!];
        if (!color) throw new Error('a colour outside of the palette');
        data.set([color[0]!, color[1]!, color[2]!, color[3] ?? 255], at);
        continue;
      }
      const isKeyedOut = transparency !== undefined && values.every((value, c) => value === transparency[c]);
      const hasAlpha = channels === 2 || channels === 4;
      const alpha = hasAlpha ? toByte(values[channels - 1]!) : isKeyedOut ? 0 : 255;
      const [red, green, blue] = (channels < 3 ? [values[0]!, values[0]!, values[0]!] : values).map(toByte);
      data.set([red!, green!, blue!, alpha], at);
    }
  }
  return { width, height, data };
}
