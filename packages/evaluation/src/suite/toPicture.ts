import { ImageError } from '@muse/backend';

/** An image of 8 bits per channel, as `@muse/muse` and browsers have them. */
export interface RgbaPicture {
  readonly width: number;
  readonly height: number;
  /** u8 [H·W·4], rows from the top, alpha not premultiplied. */
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** RGB in [0, 1], f32 [side · side · 3], or RGBA of 8 bits. */
export type Picture = Float32Array | RgbaPicture;

/**
 * A picture as the classifier takes it. One that is 2, 3, … times as large is reduced, each pixel the mean of those under
 * it; what is transparent shows white.
 *
 * @returns f32 [imageSize · imageSize · 3]
 * @throws ImageError for a picture that is not square or of no such size
 */
export function toPicture(picture: Picture, imageSize: number): Float32Array {
  const pixels = picture instanceof Float32Array ? picture : fromRgba(picture);
  const side = Math.sqrt(pixels.length / 3);
  const factor = side / imageSize;
  if (!Number.isSafeInteger(factor) || factor < 1) {
    const got = picture instanceof Float32Array ? `${pixels.length} values` : `${picture.width} × ${picture.height}`;
    throw new ImageError(
      { package: 'evaluation', in: 'toPicture' },
      `expected a square picture of ${imageSize} pixels or a multiple, got ${got}`,
    );
  }
  return factor === 1 ? pixels : reduce(pixels, side, factor);
}

function fromRgba({ width, height, data }: RgbaPicture): Float32Array {
  if (width !== height || data.length !== width * height * 4) {
    throw new ImageError(
      { package: 'evaluation', in: 'toPicture' },
      `expected a square RGBA picture, got ${width} × ${height} with ${data.length} values`,
    );
  }
  const pixels = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = (data[4 * i + c]! / 255) * alpha + (1 - alpha);
  }
  return pixels;
}

function reduce(pixels: Float32Array, side: number, factor: number): Float32Array {
  const outSide = side / factor;
  const out = new Float32Array(outSide * outSide * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const to = (Math.floor(y / factor) * outSide + Math.floor(x / factor)) * 3;
      const from = (y * side + x) * 3;
      for (let c = 0; c < 3; c++) out[to + c]! += pixels[from + c]! / factor ** 2;
    }
  }
  return out;
}
