import { type Backend, ConfigError } from '@muse/backend';
import type { ModelFolder, ModelIndex } from '@muse/checkpoint';

/** All that WebAssembly can address with 32 bits. */
const WASM_BYTES = 2 ** 32;

/**
 * What is computed with the weights needs the most where the tokenizer paints the last pixels: there published ones have 256
 * channels, and four such tensors at once, of f32.
 */
const WORKING_BYTES_PER_PIXEL = 4 * 256 * 4;

/** f32, and once more as XNNPACK packs a matrix when it is first multiplied by. */
const BYTES_PER_WEIGHT = 4 + 4;

/** What a model takes of WebAssembly's memory. */
export function wasmBytes(numWeights: number, { imageSize, superResImageSize }: ModelIndex): number {
  const [height, width] = superResImageSize ?? imageSize;
  return numWeights * BYTES_PER_WEIGHT + height * width * WORKING_BYTES_PER_PIXEL;
}

/**
 * Refuses a model that the device can't hold; before any weight is read. Only WebAssembly has a limit that is
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
  const needed = wasmBytes(numWeights, folder.index);
  if (needed <= WASM_BYTES) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new ConfigError(
    { package: 'muse', in: 'fromPretrained' },
    `expected a model that takes at most ${gigabytes(WASM_BYTES)} on the device wasm, got one of ${gigabytes(needed)} ` +
      `(${numWeights.toLocaleString('en')} weights, ${width} × ${height} pixels): take another device`,
  );
}
