import { type Backend, ConfigError } from '@muse/backend';
import { countParameters, type ModelFolder, type ModelIndex } from '@muse/checkpoint';
import { resolveT5Config, type T5Config, t5Parameters } from '@muse/t5-encoder';
import { type ComponentSize, componentSizes } from './componentSizes.js';
import { inFile } from './inFile.js';

/**
 * Where the weights of a T5 are while a pipeline is in use: `resident`, all of them on the device; `streamed`, in their file,
 * of which each new text reads a block at a time.
 */
export const textEncoderPlaces = ['resident', 'streamed'] as const;
export type TextEncoderPlace = (typeof textEncoderPlaces)[number];

/** `auto` leaves a T5 of more weights in its file, which is 4 GiB of f32: of the published ones `xl` and `xxl`. */
const MAX_RESIDENT_WEIGHTS = 2 ** 30;

/** All that WebAssembly can address with 32 bits. */
const WASM_BYTES = 2 ** 32;

/**
 * What is computed with the weights needs the most where the tokenizer paints the last pixels: there published ones have 256
 * channels, and four such tensors at once, of f32.
 */
const WORKING_BYTES_PER_PIXEL = 4 * 256 * 4;

/** f32, and no second copy: the device's own kernels multiply by a weight where it lies. */
const BYTES_PER_WEIGHT = 4;

/** What is known of a model before any weight is read. */
export interface ModelSizes {
  readonly index: ModelIndex;
  readonly components: readonly ComponentSize[];
  /** Of a model that has one. */
  readonly t5?: T5Config;
}

/** What a model takes of WebAssembly's memory. */
export interface WasmPlan {
  readonly textEncoder: TextEncoderPlace;
  /** Of a streamed text encoder those of one block. */
  readonly numWeights: number;
  readonly bytes: number;
}

/** The plan for WebAssembly; `auto` streams a text encoder that leaves no room for the rest, too. */
export function planOnWasm(sizes: ModelSizes, mode: 'auto' | TextEncoderPlace = 'auto'): WasmPlan {
  const plan = planWith(sizes, placeBySize(sizes.t5, mode));
  const canStream = mode === 'auto' && sizes.t5 && plan.textEncoder === 'resident';
  return plan.bytes > WASM_BYTES && canStream ? planWith(sizes, 'streamed') : plan;
}

function planWith({ index, components, t5 }: ModelSizes, textEncoder: TextEncoderPlace): WasmPlan {
  const isStreamed = (name: string) => name === 'text_encoder' && textEncoder === 'streamed';
  const numWeights = components.reduce(
    (sum, component) => sum + (isStreamed(component.name) ? blockWeights(t5!) : component.numWeights),
    0,
  );
  const [height, width] = index.superResImageSize ?? index.imageSize;
  return { textEncoder, numWeights, bytes: numWeights * BYTES_PER_WEIGHT + height * width * WORKING_BYTES_PER_PIXEL };
}

/** All blocks are of one size; the position bias, which stays on the device, is named in the first. */
function blockWeights(config: T5Config): number {
  return countParameters(t5Parameters(config).filter(({ name }) => name.startsWith('encoder.block.0.')));
}

function placeBySize(t5: T5Config | undefined, mode: 'auto' | TextEncoderPlace): TextEncoderPlace {
  if (mode !== 'auto') return mode;
  return t5 && countParameters(t5Parameters(t5)) > MAX_RESIDENT_WEIGHTS ? 'streamed' : 'resident';
}

/** The configuration of a model's T5, or undefined for one with another text encoder. */
export async function t5ConfigOf({ index, component }: ModelFolder): Promise<T5Config | undefined> {
  if (index.format === 'diffusers') return undefined;
  const { config, folder } = await component('text_encoder');
  return inFile(`${folder.location}/config.json`, () => resolveT5Config(config));
}

/**
 * Decides where a model's text encoder goes, and refuses a model that the device can't hold; before any weight is read. Only
 * WebAssembly has a limit that is known beforehand.
 *
 * @throws ConfigError with the sizes
 */
export async function planMemory(
  folder: ModelFolder,
  { name }: Pick<Backend, 'name'>,
  mode: 'auto' | TextEncoderPlace = 'auto',
): Promise<TextEncoderPlace> {
  const t5 = await t5ConfigOf(folder);
  if (name !== 'wasm') return placeBySize(t5, mode);
  const { index } = folder;
  const { textEncoder, numWeights, bytes } = planOnWasm({ index, components: await componentSizes(folder), t5 }, mode);
  if (bytes <= WASM_BYTES) return textEncoder;
  const [height, width] = index.superResImageSize ?? index.imageSize;
  const gigabytes = (size: number) => `${(size / 1e9).toFixed(2)} GB`;
  throw new ConfigError(
    { package: 'muse', in: 'fromPretrained' },
    `expected a model that takes at most ${gigabytes(WASM_BYTES)} on the device wasm, got one of ${gigabytes(bytes)} ` +
      `(${numWeights.toLocaleString('en')} weights, ${width} × ${height} pixels): take another device`,
  );
}
