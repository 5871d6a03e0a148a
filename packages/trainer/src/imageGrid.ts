import { ImageError } from '@muse/backend';
import { encode } from 'fast-png';

export interface ImageGrid {
  readonly width: number;
  readonly height: number;
  /** RGB PNG. */
  readonly png: Uint8Array;
}

const GAP_PIXELS = 2;
const GAP_VALUE = 255;

/**
 * A PNG with the images in rows.
 *
 * @param images each f32 [H·W·3] in [0, 1] (clipped), all of one size
 * @param size [H, W]
 * @throws ImageError if an image has another size
 */
export function imageGrid(
  images: readonly Float32Array[],
  size: readonly [number, number],
  numColumns: number,
): ImageGrid {
  const [H, W] = size;
  const wrong = images.find((image) => image.length !== H * W * 3);
  if (wrong || images.length === 0) {
    const got = wrong ? `one of ${wrong.length} values` : 'none';
    throw new ImageError({ package: 'trainer', in: 'imageGrid' }, `expected images of ${H}·${W}·3 values, got ${got}`);
  }
  const columns = Math.min(numColumns, images.length);
  const rows = Math.ceil(images.length / columns);
  const width = columns * (W + GAP_PIXELS) - GAP_PIXELS;
  const height = rows * (H + GAP_PIXELS) - GAP_PIXELS;
  const data = new Uint8Array(width * height * 3).fill(GAP_VALUE);
  images.forEach((image, index) => {
    const left = (index % columns) * (W + GAP_PIXELS);
    const top = Math.floor(index / columns) * (H + GAP_PIXELS);
    for (let y = 0; y < H; y++) {
      const target = ((top + y) * width + left) * 3;
      for (let i = 0; i < W * 3; i++) {
        data[target + i] = Math.round(Math.min(1, Math.max(0, image[y * W * 3 + i]!)) * 255);
      }
    }
  });
  return { width, height, png: encode({ width, height, data, channels: 3, depth: 8 }) };
}

/** The images of an f32 [B, H, W, 3] batch, one view each. */
export function splitImages(batch: Float32Array, batchSize: number): Float32Array[] {
  const size = batch.length / batchSize;
  return Array.from({ length: batchSize }, (_, i) => batch.subarray(i * size, (i + 1) * size));
}

/** Peak signal-to-noise ratio in dB of values in [0, 1]: −10·log₁₀(mean squared error). */
export function psnr(meanSquaredError: number): number {
  return -10 * Math.log10(Math.max(meanSquaredError, 1e-10));
}
