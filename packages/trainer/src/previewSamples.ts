import type { Muse } from '@muse/muse';
import { type ImageGrid, imageGrid } from './imageGrid.js';

const PREVIEW_COLUMNS = 8;
const PREVIEW_SEED = 1;

/** An image per prompt, always of the same seed, in rows. */
export async function drawSamples(muse: Muse, prompts: readonly string[]): Promise<ImageGrid> {
  const images: Float32Array[] = [];
  let size: readonly [number, number] = [0, 0];
  for (const prompt of prompts) {
    const [image] = await muse.generate({ prompt, seed: PREVIEW_SEED });
    const { data, width, height } = image!;
    size = [height, width];
    images.push(
      Float32Array.from({ length: (data.length / 4) * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]! / 255),
    );
  }
  return imageGrid(images, size, PREVIEW_COLUMNS);
}
