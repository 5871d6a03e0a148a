import { type Backend, ConfigError } from '@muse/backend';
import type { ModelFolder } from '@muse/checkpoint';

/** All that WebAssembly can address with 32 bits. */
const WASM_BYTES = 2 ** 32;

/**
 * What is computed with the weights needs the most where the tokenizer paints the last pixels: there published ones have 256
 * channels, and four such tensors at once, of f32.
 */
const WORKING_BYTES_PER_PIXEL = 4 * 256 * 4;

const BYTES_PER_WEIGHT = 4;

/**
 * Refuses a model whose weights, at f32, the device can't hold; before any is read. Only WebAssembly has a limit that is
 * known beforehand.
 *
 * @throws ConfigError with the sizes
 */
export async function checkMemory(folder: ModelFolder, { name }: Pick<Backend, 'name'>): Promise<void> {
  if (name !== 'wasm') return;
  let numWeights = 0;
  for (const component of folder.weighted) {
    const checkpoint = await (await folder.component(component)).checkpoint();
    try {
      for (const tensor of checkpoint.names) {
        numWeights += checkpoint.info(tensor).shape.reduce((size, side) => size * side, 1);
      }
    } finally {
      await checkpoint.close();
    }
  }
  const [height, width] = folder.index.superResImageSize ?? folder.index.imageSize;
  const needed = numWeights * BYTES_PER_WEIGHT;
  const most = WASM_BYTES - height * width * WORKING_BYTES_PER_PIXEL;
  if (needed <= most) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new ConfigError(
    { package: 'muse', in: 'fromPretrained' },
    `expected at most ${gigabytes(most)} of weights for ${width} × ${height} pixels on the device wasm, got ${gigabytes(needed)} ` +
      `(${numWeights.toLocaleString('en')} at f32): take another device`,
  );
}
