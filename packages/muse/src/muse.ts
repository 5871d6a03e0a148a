import { type Backend, ConfigError, ImageError, MuseError } from '@muse/backend';
import type { FolderSource, ModelIndex } from '@muse/checkpoint';
import { decode, type Logits, type LogitsRequest } from '@muse/sampler';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { type GenerateOptions, type ResolvedGenerateOptions, resolveGenerateOptions } from './generateOptions.js';
import { type GeneratedImage, type RgbaImage, type TokenGrid, toPixels, toRgba } from './image.js';
import { checkParts, type LoadOptions, loadMuseParts, type MuseParts } from './museParts.js';
import { checkText, PromptConditioning } from './promptConditioning.js';

/** States of a text, on the host. */
export interface EncodedText {
  /** f32 [T·Dt]. */
  readonly embeds: Float32Array;
  /** f32 [T], 1 where there is a token, 0 at padding. */
  readonly mask: Float32Array;
  readonly shape: readonly [T: number, Dt: number];
}

const place = (where: string) => ({ package: 'muse', in: where });

/** Lets timers, signals and rendering have their turn: on CPU devices a forward ends without going to the event loop. */
const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/**
 * Text to image by masked generative transformers (Chang et al. 2023, arXiv 2301.00704): a T5 encoder, a masked
 * transformer over tokens, and the VQGAN whose tokens they are.
 *
 * An image is a function of model, settings and seed. The images of a call are computed one after another in fixed
 * shapes (rows: the prompt's, the unconditional one), so an image's bytes don't depend on what else is asked for.
 */
export class Muse {
  readonly #parts: MuseParts;
  #isDisposed = false;

  /** @throws ConfigError when the parts don't fit together */
  constructor(parts: MuseParts) {
    checkParts(parts);
    this.#parts = parts;
  }

  /**
   * Loads a model folder.
   *
   * @param source where the files are; a path or the name of a package under Node
   * @throws WeightError, ConfigError for a folder that can't be used; UnsupportedBackendError for a device that can't be had
   */
  static async fromPretrained(source: string | FolderSource, options: LoadOptions = {}): Promise<Muse> {
    if (typeof source === 'string') {
      const expected = 'a FolderSource (paths and package names are for Node)';
      throw new ConfigError(place('fromPretrained'), `expected ${expected}, got ${JSON.stringify(source)}`);
    }
    return new Muse(await loadMuseParts(source, options));
  }

  get backend(): Backend {
    return this.#parts.backend;
  }

  get index(): ModelIndex {
    return this.#parts.index;
  }

  /** Tokens of an image, [h, w]. */
  get grid(): readonly [height: number, width: number] {
    const { latentSize } = this.#parts.transformer.config;
    return [latentSize, latentSize];
  }

  /**
   * Checks options as `generate` does before it computes anything.
   *
   * @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary
   */
  checkOptions(options: GenerateOptions): ResolvedGenerateOptions {
    this.#checkAlive('generate');
    const { textEncoder, index } = this.#parts;
    const resolved = resolveGenerateOptions(options, index.sampling);
    const { prompt, negativePrompt } = resolved.settings;
    checkText(place('generate'), 'prompt', prompt, textEncoder);
    if (negativePrompt !== undefined) {
      checkText(place('generate'), 'negativePrompt', negativePrompt, textEncoder);
    }
    return resolved;
  }

  /**
   * Images of a prompt. Everything is checked before anything is computed.
   *
   * @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary
   * @throws the signal's reason (an AbortError), between steps and after each pass of the network
   */
  async generate(options: GenerateOptions): Promise<GeneratedImage[]> {
    const resolved = this.checkOptions(options);
    const { prompt, negativePrompt } = resolved.settings;
    options.signal?.throwIfAborted();
    const conditioning = new PromptConditioning(this.#parts, prompt, negativePrompt);
    try {
      const images: GeneratedImage[] = [];
      for (const image of resolved.seeds.keys()) {
        images.push(await this.#generateOne(image, resolved, conditioning, options));
        await options.onImage?.(images[image]!);
        options.signal?.throwIfAborted();
      }
      return images;
    } finally {
      conditioning.dispose();
    }
  }

  /**
   * Tokens of an image. Transparent parts are taken for white.
   *
   * @param image sides multiples of the VQGAN's downsampling factor
   * @throws ImageError
   */
  async encodeImage(image: RgbaImage): Promise<TokenGrid> {
    this.#checkAlive('encodeImage');
    const { backend, vqgan } = this.#parts;
    const { width, height } = image;
    const factor = vqgan.downsampleFactor;
    const pixels = toPixels(image);
    if (width % factor !== 0 || height % factor !== 0) {
      throw new ImageError(
        place('encodeImage'),
        `expected width and height to be multiples of ${factor}, got ${width} × ${height}: resize the image`,
      );
    }
    const tokenIds = backend.tf.tidy(() => vqgan.encode(backend.tf.tensor4d(pixels, [1, height, width, 3])));
    return { tokenIds: (await this.#read(tokenIds)) as Int32Array, grid: [height / factor, width / factor] };
  }

  /**
   * The image of a grid of tokens.
   *
   * @param tokenIds i32 [h·w] in [0, V)
   * @param grid [h, w]; that of the model's own images if left out
   * @throws ConfigError
   */
  async decodeTokens(tokenIds: Int32Array, grid: readonly [number, number] = this.grid): Promise<RgbaImage> {
    this.#checkAlive('decodeTokens');
    const { backend, vqgan } = this.#parts;
    const [h, w] = grid;
    const areSides = [h, w].every((side) => Number.isSafeInteger(side) && side > 0);
    if (!areSides || tokenIds.length !== h * w) {
      throw new ConfigError(place('decodeTokens'), `expected ${h} × ${w} token ids, got ${tokenIds.length}`);
    }
    const { codebookSize } = vqgan.config;
    const strange = tokenIds.findIndex((id) => !(id >= 0 && id < codebookSize));
    if (strange >= 0) {
      const got = `${tokenIds[strange]} at position ${strange}`;
      throw new ConfigError(place('decodeTokens'), `expected token ids in [0, ${codebookSize}), got ${got}`);
    }
    const pixels = backend.tf.tidy(() => vqgan.decode(backend.tf.tensor3d(tokenIds, [1, h, w], 'int32')));
    const factor = vqgan.downsampleFactor;
    return toRgba((await this.#read(pixels)) as Float32Array, w * factor, h * factor);
  }

  /**
   * Hidden states of a text as the transformer sees them, padded to the encoder's length.
   *
   * @throws ConfigError for text that is too long or not in the vocabulary
   */
  async encodeText(text: string): Promise<EncodedText> {
    this.#checkAlive('encodeText');
    const { textEncoder } = this.#parts;
    checkText(place('encodeText'), 'text', text, textEncoder);
    const { embeds, mask } = textEncoder.encode([text]);
    const [, T, Dt] = embeds.shape;
    try {
      const values = await Promise.all([embeds.data(), mask.data()]);
      await this.backend.checkErrors();
      const [hostEmbeds, hostMask] = values as [Float32Array, Float32Array];
      return { embeds: hostEmbeds, mask: hostMask, shape: [T, Dt] };
    } finally {
      embeds.dispose();
      mask.dispose();
    }
  }

  /** Gives back all device memory, and the device if it was made for this pipeline. Twice does no harm. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { vqgan, textEncoder, transformer, backend, ownsBackend } = this.#parts;
    for (const part of [vqgan, textEncoder, transformer]) part.dispose();
    if (ownsBackend) await backend.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #generateOne(
    image: number,
    { settings, seeds }: ResolvedGenerateOptions,
    conditioning: PromptConditioning,
    { signal, onStep }: GenerateOptions,
  ): Promise<GeneratedImage> {
    const { transformer } = this.#parts;
    const { grid } = this;
    const seed = seeds[image]!;
    const steps = decode({
      ...settings,
      tokensToLogits: (ids, request) => this.#logits(ids, request, conditioning),
      tokenIds: new Int32Array(grid[0] * grid[1]).fill(transformer.maskTokenId),
      seeds: [seed],
      grid,
      codebookSize: transformer.config.codebookSize,
      maskTokenId: transformer.maskTokenId,
      signal,
    });
    let tokenIds: Int32Array = new Int32Array();
    for await (const step of steps) {
      tokenIds = step.tokenIds;
      const preview = () => this.decodeTokens(step.candidates, grid);
      await onStep?.({ ...step, image, count: seeds.length, seed, grid, preview });
      signal?.throwIfAborted();
    }
    const pixels = await this.decodeTokens(tokenIds, grid);
    return { ...pixels, tokenIds, grid, seed, settings };
  }

  /** @param tokenIds i32 [S] of one image */
  async #logits(
    tokenIds: Int32Array,
    { needsUnconditional }: LogitsRequest,
    conditioning: PromptConditioning,
  ): Promise<Logits> {
    await nextTurn();
    this.#checkAlive('generate');
    const { backend, transformer } = this.#parts;
    const prepared = conditioning.prepared(needsUnconditional);
    const numRows = needsUnconditional ? 2 : 1;
    const rows = new Int32Array(numRows * tokenIds.length);
    for (let row = 0; row < numRows; row++) rows.set(tokenIds, row * tokenIds.length);
    const logits = backend.tf.tidy(() =>
      transformer.forward(backend.tf.tensor2d(rows, [numRows, tokenIds.length], 'int32'), prepared),
    );
    const values = (await this.#read(logits)) as Float32Array; // f32 [rows, S, V]
    if (!needsUnconditional) return { conditional: values };
    const half = values.length / 2;
    return { conditional: values.subarray(0, half), unconditional: values.subarray(half) };
  }

  /** Values of a tensor, which is disposed. */
  async #read(tensor: Tensor | Tensor4D): Promise<Float32Array | Int32Array | Uint8Array> {
    try {
      const values = await tensor.data();
      await this.backend.checkErrors();
      return values;
    } finally {
      tensor.dispose();
    }
  }

  #checkAlive(where: string): void {
    if (this.#isDisposed) throw new MuseError(place(where), 'expected a pipeline in use, got one that was disposed');
  }
}

/**
 * A pipeline of parts that are there already: in tests, or while training. They are the pipeline's from then on, see
 * `dispose`.
 *
 * @throws ConfigError when the parts don't fit together
 */
export function createMuse(parts: MuseParts): Muse {
  return new Muse(parts);
}
