import { checkImage, type RgbaImage } from '../image.js';
import { clampIndex, type Region } from './region.js';

/** What each output pixel takes along one axis. */
interface Taps {
  /** Source pixels to one output pixel, at most; those beyond have no weight. */
  readonly count: number;
  /** Source pixels, the edge repeated, i32 [outputs · count]. */
  readonly pixels: Int32Array;
  /** Sum 1 for each output, f64 [outputs · count]. */
  readonly weights: Float64Array;
}

/** Those of one output pixel: `weights[k]` of source pixel `first + k`, before the edge is repeated. */
interface OutputTaps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * An image of another size, by the area under each pixel where it shrinks and by Catmull-Rom cubics where it grows, each
 * axis by itself; the same size gives the same bytes. Values are filtered as they are (sRGB), colours weighted by their
 * alpha.
 *
 * @throws ImageError
 */
export function resize(image: RgbaImage, width: number, height: number): RgbaImage {
  return resizeRegion(image, { x: 0, y: 0, width: image.width, height: image.height }, width, height);
}

/**
 * `resize` of a part of an image, without a copy of it; the edge is repeated where the region reaches beyond. The region
 * may begin and end within a pixel.
 */
export function resizeRegion(image: RgbaImage, region: Region, width: number, height: number): RgbaImage {
  checkImage({ package: 'muse', in: 'resize' }, 'image', image);
  const columns = tapsOf(region.x, region.width, width, image.width);
  const rows = tapsOf(region.y, region.height, height, image.height);
  const firstRow = rows.pixels[0]!;
  const lines = resizeRows(image, columns, firstRow, rows.pixels.at(-1)!);
  const data = new Uint8ClampedArray(width * height * 4);
  const sums = new Float64Array(width * 4);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let tap = y * rows.count; tap < (y + 1) * rows.count; tap++) {
      const weight = rows.weights[tap]!;
      if (weight === 0) continue;
      const start = (rows.pixels[tap]! - firstRow) * sums.length;
      for (let i = 0; i < sums.length; i++) sums[i]! += weight * lines[start + i]!;
    }
    writeRow(sums, data.subarray(y * sums.length, (y + 1) * sums.length));
  }
  return { width, height, data };
}

/** Rows `firstRow … lastRow` resized along x. @returns colours times alpha / 255, and alpha / 255, f32 [rows · outputs · 4] */
function resizeRows({ width, data }: RgbaImage, columns: Taps, firstRow: number, lastRow: number): Float32Array {
  const { count, pixels, weights } = columns;
  const lines = new Float32Array(((lastRow - firstRow + 1) * 4 * pixels.length) / count);
  let out = 0;
  for (let y = firstRow; y <= lastRow; y++) {
    const start = y * width;
    for (let first = 0; first < pixels.length; first += count) {
      let [red, green, blue, alpha] = [0, 0, 0, 0];
      for (let tap = first; tap < first + count; tap++) {
        const at = 4 * (start + pixels[tap]!);
        const weight = (weights[tap]! * data[at + 3]!) / 255;
        red += weight * data[at]!;
        green += weight * data[at + 1]!;
        blue += weight * data[at + 2]!;
        alpha += weight;
      }
      lines[out] = red;
      lines[out + 1] = green;
      lines[out + 2] = blue;
      lines[out + 3] = alpha;
      out += 4;
    }
  }
  return lines;
}

/** Colours from colours times alpha; Catmull-Rom may overshoot at edges. */
function writeRow(sums: Float64Array, row: Uint8ClampedArray): void {
  for (let i = 0; i < sums.length; i += 4) {
    const alpha = sums[i + 3]!;
    // Less than half a step of 8 bits shows nothing.
    if (alpha < 0.5 / 255) continue;
    for (let c = 0; c < 3; c++) row[i + c] = Math.floor(sums[i + c]! / alpha + 0.5);
    row[i + 3] = Math.floor(255 * alpha + 0.5);
  }
}

function tapsOf(start: number, length: number, newLength: number, imageLength: number): Taps {
  const scale = length / newLength;
  const taps = Array.from({ length: newLength }, (_, i) =>
    scale >= 1 ? areaTaps(start + i * scale, scale) : cubicTaps(start + (i + 0.5) * scale - 0.5),
  );
  const count = taps.reduce((most, { weights }) => Math.max(most, weights.length), 0);
  const pixels = new Int32Array(newLength * count);
  const weights = new Float64Array(newLength * count);
  for (const [i, { first, weights: own }] of taps.entries()) {
    const last = first + own.length - 1;
    for (let k = 0; k < count; k++) {
      pixels[i * count + k] = clampIndex(Math.min(first + k, last), imageLength);
      weights[i * count + k] = own[k] ?? 0;
    }
  }
  return { count, pixels, weights };
}

/** Shares of the pixels under [from, from + length). */
function areaTaps(from: number, length: number): OutputTaps {
  // Sums of fractions miss whole numbers by some 1e-12: a pixel that is grazed so is not under it.
  const first = Math.floor(from + 1e-9);
  const end = Math.ceil(from + length - 1e-9);
  const covered = (pixel: number) => Math.min(from + length, pixel + 1) - Math.max(from, pixel);
  return normalized(
    first,
    Array.from({ length: end - first }, (_, k) => covered(first + k)),
  );
}

/** Catmull-Rom's cubic at a position between pixel centres (Keys 1981, a = −1/2). */
function cubicTaps(position: number): OutputTaps {
  const first = Math.floor(position) - 1;
  return normalized(
    first,
    [0, 1, 2, 3].map((k) => {
      const x = Math.abs(position - first - k);
      if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
      return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
    }),
  );
}

function normalized(first: number, weights: readonly number[]): OutputTaps {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { first, weights: weights.map((weight) => weight / total) };
}
