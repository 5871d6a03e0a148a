/** Pixels of any size. */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  /** f32 [height·width·3] in [0, 1]. */
  readonly data: Float32Array;
}

/**
 * The middle square of an image at side `size`. Each output pixel is the mean of the area that it covers, so that large
 * images don't alias; where it is smaller than a pixel (enlarging), the pixels under it.
 *
 * @returns f32 [size·size·3]
 */
export function cropResize({ width, height, data }: PixelImage, size: number): Float32Array {
  const side = Math.min(width, height);
  const columns = coverage(side, size, (width - side) / 2);
  const rows = coverage(side, size, (height - side) / 2);
  // Two passes, as the weights of an area are products: rows of the output first, at the input's width.
  const middle = new Float32Array(size * width * 3);
  rows.forEach((taps, y) => {
    for (const { index, weight } of taps) {
      for (let i = 0; i < width * 3; i++) middle[y * width * 3 + i]! += weight * data[index * width * 3 + i]!;
    }
  });
  const out = new Float32Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    columns.forEach((taps, x) => {
      for (const { index, weight } of taps) {
        for (let c = 0; c < 3; c++) out[(y * size + x) * 3 + c]! += weight * middle[(y * width + index) * 3 + c]!;
      }
    });
  }
  return out;
}

interface Tap {
  readonly index: number;
  readonly weight: number;
}

/** For each of `size` outputs the inputs under it, of a stretch of `side` inputs that starts at `offset`; weights sum to 1. */
function coverage(side: number, size: number, offset: number): Tap[][] {
  const scale = side / size;
  return Array.from({ length: size }, (_, i) => {
    const start = offset + i * scale;
    const end = start + scale;
    const taps: Tap[] = [];
    for (let index = Math.floor(start); index < end; index++) {
      const weight = (Math.min(index + 1, end) - Math.max(index, start)) / scale;
      if (weight > 1e-9) taps.push({ index, weight });
    }
    return taps;
  });
}

/** 8-bit samples (RGBA, RGB, grey with alpha or grey) as RGB floats, laid on white. */
export function toPixelImage(width: number, height: number, channels: number, samples: ArrayLike<number>): PixelImage {
  const data = new Float32Array(width * height * 3);
  const hasAlpha = channels === 2 || channels === 4;
  const isGrey = channels < 3;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const alpha = hasAlpha ? samples[pixel * channels + channels - 1]! / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const value = samples[pixel * channels + (isGrey ? 0 : c)]! / 255;
      data[pixel * 3 + c] = value * alpha + (1 - alpha);
    }
  }
  return { width, height, data };
}
