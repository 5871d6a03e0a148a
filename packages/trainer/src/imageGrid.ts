import { ImageError } from '@muse/backend';
import { encodePng } from '@muse/muse';

export interface ImageGrid {
  readonly width: number;
  readonly height: number;
  /** RGB PNG. */
  readonly png: Uint8Array;
}

const GAP_PIXELS = 2;
const WHITE = 255;

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
  const data = new Uint8ClampedArray(width * height * 4).fill(WHITE);
  images.forEach((image, index) => {
    const left = (index % columns) * (W + GAP_PIXELS);
    const top = Math.floor(index / columns) * (H + GAP_PIXELS);
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        const target = ((top + y) * width + left + x) * 4;
        for (let c = 0; c < 3; c++) data[target + c] = 255 * image[(y * W + x) * 3 + c]!; // clamped and rounded
      }
    }
  });
  return { width, height, png: encodePng({ width, height, data }) };
}

/** The images of an f32 [B, H, W, 3] batch, one view each. */
export function splitImages(batch: Float32Array, batchSize: number): Float32Array[] {
  const size = batch.length / batchSize;
  return Array.from({ length: batchSize }, (_, i) => batch.subarray(i * size, (i + 1) * size));
}
