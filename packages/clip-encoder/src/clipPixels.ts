import { ImageError } from '@muse/backend';

/** An image of 8 bits per channel. */
export interface ClipImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha, which is not looked at; rows from the top, u8 [H·W·4]. */
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** Mean and standard deviation of the training images' channels. */
const MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
const DEVIATION = [0.26862954, 0.26130258, 0.27577711] as const;

/** Pillow counts with whole numbers: weights in units of 2⁻²². */
const UNIT = 2 ** 22;

/** Pixels of the source under the kernel on each side, at scale 1. */
const SUPPORT = 2;

/**
 * An image as CLIP wants it: the shorter side resized to `size` (bicubic), the middle cut out, channels normalised. The
 * result is that of transformers' CLIPImageProcessor, which resizes by Pillow, to its 8 bits.
 *
 * @param size the model's imageSize
 * @returns f32 [size·size·3]
 * @throws ImageError when there are not width · height · 4 values
 */
export function clipPixels(image: ClipImage, size: number): Float32Array {
  const { width, height, data } = image;
  const isSide = (side: number) => Number.isSafeInteger(side) && side > 0;
  if (!isSide(width) || !isSide(height) || data.length !== width * height * 4) {
    const got = `${width} × ${height} with ${data.length} values`;
    throw new ImageError({ package: 'clip-encoder', in: 'clipPixels' }, `expected an RGBA image, got ${got}`);
  }
  const short = Math.min(width, height);
  const [newWidth, newHeight] = [width, height].map((side) =>
    side === short ? size : Math.trunc((size * side) / short),
  ) as [number, number];
  const rows = resample(data, { lines: height, from: width, to: newWidth, step: 4, stride: width * 4, depth: 4 });
  const columns = { lines: newWidth, from: height, to: newHeight, step: newWidth * 4, stride: 4, depth: 4 };
  const resized = resample(rows, columns); // transposed: [newWidth, newHeight, 4]
  const left = Math.floor((newWidth - size) / 2);
  const top = Math.floor((newHeight - size) / 2);
  const pixels = new Float32Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = ((left + x) * newHeight + top + y) * 4;
      for (let c = 0; c < 3; c++) {
        pixels[(y * size + x) * 3 + c] = (resized[from + c]! / 255 - MEAN[c]!) / DEVIATION[c]!;
      }
    }
  }
  return pixels;
}

interface Lines {
  readonly lines: number;
  /** Pixels of a line, before and after. */
  readonly from: number;
  readonly to: number;
  /** Between the pixels of a line, and between lines. */
  readonly step: number;
  readonly stride: number;
  /** Channels. */
  readonly depth: number;
}

/** Each line at another length, rounded to 8 bits as Pillow does after each direction. @returns [lines, to, depth] */
function resample(data: ArrayLike<number>, { lines, from, to, step, stride, depth }: Lines): Uint8ClampedArray {
  const out = new Uint8ClampedArray(lines * to * depth);
  for (const [x, { start, weights }] of bicubicWeights(from, to).entries()) {
    for (let line = 0; line < lines; line++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (const [i, weight] of weights.entries()) sum += weight * data[line * stride + (start + i) * step + c]!;
        out[(line * to + x) * depth + c] = Math.floor((sum + UNIT / 2) / UNIT);
      }
    }
  }
  return out;
}

/** Weights of the source's pixels for each of the result's: Keys' kernel with a = −½, widened when there are fewer. */
function bicubicWeights(from: number, to: number): { start: number; weights: number[] }[] {
  const scale = Math.max(1, from / to);
  const reach = SUPPORT * scale;
  return Array.from({ length: to }, (_, x) => {
    const centre = ((x + 0.5) * from) / to;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: end - start }, (_, i) => bicubic((start + i - centre + 0.5) / scale));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: weights.map((weight) => roundAway((weight / total) * UNIT)) };
  });
}

/** To the nearest whole number, halves away from zero. */
function roundAway(x: number): number {
  return Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
}

function bicubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2;
  return 0;
}
