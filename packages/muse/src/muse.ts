import { type Backend, ConfigError, type ModelDtype } from '@muse/backend';
import type { FolderSource, ModelIndex } from '@muse/checkpoint';
import { checkParts } from './checkParts.js';
import { conditionerOf } from './conditioning/conditionerOf.js';
import type { GeneratedImage, RgbaImage, TokenGrid } from './image.js';
import { isAmused, type LoadOptions, loadMuseParts, type MuseParts } from './museParts.js';
import type { ResolvedOptions } from './options.js';
import type { BasePrepared, PipelineContext } from './pipelines/context.js';
import { type EditOptions, edit } from './pipelines/edit.js';
import type { EditedImage } from './pipelines/editedImage.js';
import { type GenerateOptions, generate, resolveGenerate } from './pipelines/generate.js';
import { type InpaintOptions, inpaint } from './pipelines/inpaint.js';
import { type OutpaintedImage, type OutpaintOptions, outpaint } from './pipelines/outpaint.js';
import { type UpscaleOptions, upscale } from './pipelines/upscale.js';
import { type VariationsOptions, variations } from './pipelines/variations.js';
import type { TextEncoderPlace } from './planMemory.js';
import { Runtime } from './runtime.js';
import { Stage, type StageName } from './stage.js';
import { isStreamed } from './textRows.js';

/** States of a text, on the host. */
export interface EncodedText {
  /** f32 [T·Dt]. */
  readonly embeds: Float32Array;
  /** f32 [T], 1 where there is a token, 0 at padding. */
  readonly mask: Float32Array;
  readonly shape: readonly [T: number, Dt: number];
}

const place = (where: string) => ({ package: 'muse', in: where });

/**
 * Text to image by masked generative transformers (Chang et al. 2023, arXiv 2301.00704): a text encoder, a masked
 * transformer over tokens, and the VQGAN whose tokens they are. Models of our own folders, and aMUSEd (Patil et al. 2024,
 * arXiv 2401.01808) from its diffusers folder.
 *
 * An image is a function of model, settings and seed. The images of a call are computed one after another in fixed
 * shapes (rows: the prompt's, the unconditional one), so an image's bytes don't depend on what else is asked for.
 *
 * Every pipeline checks everything before it computes anything, and throws
 * - ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary;
 * - ImageError for an image or mask that it can make nothing of;
 * - the signal's reason (an AbortError), between steps and after each pass of the network.
 */
export class Muse {
  readonly #context: PipelineContext;

  /** @throws ConfigError when the parts don't fit together */
  constructor(parts: MuseParts) {
    checkParts(parts);
    const runtime = new Runtime(parts.backend);
    const { vqgan, transformer, superRes } = parts;
    this.#context = {
      parts,
      runtime,
      conditioner: conditionerOf(parts),
      base: new Stage<BasePrepared>('base', runtime, vqgan, transformer),
      ...(superRes && { superRes: new Stage('super-res', runtime, superRes.vqgan, superRes.transformer) }),
    };
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
    return this.#context.parts.backend;
  }

  /** What the transformers are kept in. */
  get dtype(): ModelDtype {
    const { dtype, backend } = this.#context.parts;
    return dtype ?? backend.dtype;
  }

  /** Where the text encoder's weights are. */
  get textEncoder(): TextEncoderPlace {
    const { parts } = this.#context;
    return !isAmused(parts) && isStreamed(parts.textEncoder) ? 'streamed' : 'resident';
  }

  get index(): ModelIndex {
    return this.#context.parts.index;
  }

  /** Whether the model has a second stage. */
  get hasSuperRes(): boolean {
    return this.#context.superRes !== undefined;
  }

  /** Tokens of an image of the base stage, [h, w]. */
  get grid(): readonly [height: number, width: number] {
    return this.#context.base.grid;
  }

  /** Checks options as `generate` does before it computes anything. @throws ConfigError */
  checkOptions(options: GenerateOptions): ResolvedOptions {
    return resolveGenerate(this.#alive('generate'), options);
  }

  /** Images of a prompt. */
  async generate(options: GenerateOptions): Promise<GeneratedImage[]> {
    return generate(this.#alive('generate'), options);
  }

  /** The second stage alone: an image in its detail, with the prompt's help. ConfigError when the model has none. */
  async upscale(options: UpscaleOptions): Promise<GeneratedImage> {
    return upscale(this.#alive('upscale'), options);
  }

  /** Paints the masked part of an image as the prompt says; the other pixels keep their bytes. */
  async inpaint(options: InpaintOptions): Promise<EditedImage> {
    return inpaint(this.#alive('inpaint'), options);
  }

  /** Grows an image; its own pixels keep their bytes. */
  async outpaint(options: OutpaintOptions): Promise<OutpaintedImage> {
    return outpaint(this.#alive('outpaint'), options);
  }

  /** Changes an image to what the prompt says, without a mask. */
  async edit(options: EditOptions): Promise<EditedImage> {
    return edit(this.#alive('edit'), options);
  }

  /** Images like an image. */
  async variations(options: VariationsOptions): Promise<EditedImage[]> {
    return variations(this.#alive('variations'), options);
  }

  /**
   * Tokens of an image. Transparent parts are taken for white.
   *
   * @param image sides multiples of the VQGAN's downsampling factor
   * @throws ImageError
   */
  async encodeImage(image: RgbaImage, stage: StageName = 'base'): Promise<TokenGrid> {
    return this.#stage('encodeImage', stage).encode(image);
  }

  /**
   * The image of a grid of tokens.
   *
   * @param tokenIds i32 [h·w] in [0, V)
   * @param grid [h, w]; that of the stage's own images if left out
   * @throws ConfigError
   */
  async decodeTokens(
    tokenIds: Int32Array,
    grid?: readonly [number, number],
    stage: StageName = 'base',
  ): Promise<RgbaImage> {
    return this.#stage('decodeTokens', stage).decode(tokenIds, grid);
  }

  /**
   * Hidden states of a text as the transformer sees them, padded to the encoder's length.
   *
   * @throws ConfigError for text that is too long or not in the vocabulary; the signal's reason between blocks of an encoder
   *   that is streamed
   */
  async encodeText(text: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<EncodedText> {
    const { conditioner, runtime } = this.#alive('encodeText');
    conditioner.checkText(place('encodeText'), 'text', text);
    signal?.throwIfAborted();
    const { embeds, mask } = await conditioner.encode(text, signal);
    const [, T, Dt] = embeds.shape;
    const [hostEmbeds, hostMask] = await Promise.all([
      runtime.read<Float32Array>(embeds),
      runtime.read<Float32Array>(mask),
    ]);
    return { embeds: hostEmbeds, mask: hostMask, shape: [T, Dt] };
  }

  /**
   * Has a text encoder whose weights stay in their file read them once for many texts that are to come, prompts and negative
   * prompts, in place of once for each; its prompt cache keeps the states, as many as it holds. Any other does nothing here.
   *
   * @throws ConfigError for text that is too long or not in the vocabulary; the signal's reason between blocks
   */
  async encodeAhead(texts: readonly string[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { conditioner } = this.#alive('encodeAhead');
    for (const text of texts) conditioner.checkText(place('encodeAhead'), 'text', text);
    signal?.throwIfAborted();
    await conditioner.encodeAhead?.(texts, signal);
  }

  /** Gives back what the pipeline made for itself and ends it; its parts stay as they are. Twice does no harm. */
  release(): void {
    const { runtime, conditioner, base, superRes } = this.#context;
    if (runtime.isDisposed) return;
    runtime.dispose();
    for (const own of [conditioner, base, superRes]) own?.dispose();
  }

  /** Gives back all device memory, and the device if it was made for this pipeline. Twice does no harm. */
  async dispose(): Promise<void> {
    const { parts, runtime } = this.#context;
    if (runtime.isDisposed) return;
    this.release();
    const { vqgan, textEncoder, transformer, superRes, backend, ownsBackend } = parts;
    const own = [vqgan, textEncoder, transformer, superRes?.vqgan, superRes?.transformer];
    await Promise.all(own.map((part) => part?.dispose()));
    if (ownsBackend) await backend.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #stage(where: string, name: StageName): Pick<Stage<never>, 'encode' | 'decode'> {
    const { base, superRes } = this.#alive(where);
    const stage = name === 'base' ? base : superRes;
    if (!stage) throw new ConfigError(place(where), 'expected a model with a super-resolution stage, got one without');
    return stage;
  }

  #alive(where: string): PipelineContext {
    this.#context.runtime.checkAlive(where);
    return this.#context;
  }
}

/**
 * A pipeline of parts that are there already: in tests, or while training. They are the pipeline's from then on, see
 * `dispose` and `release`.
 *
 * @throws ConfigError when the parts don't fit together
 */
export function createMuse(parts: MuseParts): Muse {
  return new Muse(parts);
}
