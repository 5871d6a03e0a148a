import { checkImage, type RgbaImage } from '../image.js';
import { clampIndex, type Region } from './region.js';

/** What an output pixel takes along one axis: `weights[k]` of source pixel `first + k`, before the edge is repeated. */
interface Taps {
  readonly first: number;
  /** Sum 1. */
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

/** `resize` of a part of an image, without a copy of it; the edge is repeated where the region reaches beyond. */
export function resizeRegion(image: RgbaImage, region: Region, width: number, height: number): RgbaImage {
  checkImage({ package: 'muse', in: 'resize' }, 'image', image);
  const columns = tapsOf(region.x, region.width, width);
  const rows = tapsOf(region.y, region.height, height);
  const last = rows[height - 1]!;
  const firstRow = clampIndex(rows[0]!.first, image.height);
  const lastRow = clampIndex(last.first + last.weights.length - 1, image.height);
  const lines = resizeRows(image, columns, firstRow, lastRow);
  const data = new Uint8ClampedArray(width * height * 4);
  const sums = new Float64Array(width * 4);
  for (const [y, { first, weights }] of rows.entries()) {
    sums.fill(0);
    for (const [k, weight] of weights.entries()) {
      const start = (clampIndex(first + k, image.height) - firstRow) * width * 4;
      for (let i = 0; i < sums.length; i++) sums[i]! += weight * lines[start + i]!;
    }
    writeRow(sums, data.subarray(y * width * 4, (y + 1) * width * 4));
  }
  return { width, height, data };
}

/** Rows `firstRow … lastRow` resized along x. @returns colours times alpha in [0, 1], and alpha, f32 [rows · width · 4] */
function resizeRows({ width, data }: RgbaImage, columns: Taps[], firstRow: number, lastRow: number): Float32Array {
  const lines = new Float32Array((lastRow - firstRow + 1) * columns.length * 4);
  let out = 0;
  for (let y = firstRow; y <= lastRow; y++) {
    for (const { first, weights } of columns) {
      for (let k = 0; k < weights.length; k++) {
        const at = 4 * (y * width + clampIndex(first + k, width));
        const weight = (weights[k]! * data[at + 3]!) / 255;
        lines[out]! += weight * data[at]!;
        lines[out + 1]! += weight * data[at + 1]!;
        lines[out + 2]! += weight * data[at + 2]!;
        lines[out + 3]! += weight;
      }
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

function tapsOf(start: number, length: number, newLength: number): Taps[] {
  const scale = length / newLength;
  return Array.from({ length: newLength }, (_, i) =>
    scale >= 1 ? areaTaps(start + i * scale, scale) : cubicTaps(start + (i + 0.5) * scale - 0.5),
  );
}

/** Shares of the pixels under [from, from + length). */
function areaTaps(from: number, length: number): Taps {
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
function cubicTaps(position: number): Taps {
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

function normalized(first: number, weights: readonly number[]): Taps {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { first, weights: weights.map((weight) => weight / total) };
}
