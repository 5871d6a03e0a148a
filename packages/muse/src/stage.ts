import {
  type DecodeStep,
  decode,
  decodeTokens,
  type Logits,
  type LogitsRequest,
  remask,
  type SampledTokens,
  type SampleRequest,
  type SamplingSettings,
} from '@muse/sampler';
import type { VQGAN } from '@muse/vqgan';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { DeviceDecoder } from './deviceDecoder.js';
import type { RgbaImage, TokenGrid } from './image.js';
import { ImageTokenizer } from './imageTokenizer.js';
import { PlannedForward } from './plannedForward.js';
import type { PreparedRows } from './preparedRows.js';
import type { Runtime } from './runtime.js';

/** The stages of the cascade. */
export type StageName = 'base' | 'super-res';

/** What a stage asks of its transformer. */
export interface TokenTransformer<Prepared> {
  readonly config: { readonly latentSize: number; readonly codebookSize: number };
  readonly maskTokenId: number;
  forward(tokenIds: Tensor2D, prepared: Prepared, positions?: Tensor2D): Tensor3D;
}

export interface SampleOptions<Prepared extends { dispose(): void }> {
  readonly rows: PreparedRows<Prepared>;
  /** i32 [B·S]; those that are masked are sampled. */
  readonly tokenIds: Int32Array;
  /** One for each of the B images. */
  readonly seeds: readonly number[];
  readonly settings: SamplingSettings;
  /** Steps that count as done; see the sampler's. */
  readonly startStep?: number;
  /** Sets the random numbers of an image's decodes apart, u16. */
  readonly randomStage: number;
  readonly signal?: AbortSignal;
  /** The next step waits for it. If left out, a device may take all steps before anything is read. */
  readonly onStep?: (step: DecodeStep) => Promise<void>;
}

/** Lets timers, signals and rendering have their turn: on CPU devices a forward ends without going to the event loop. */
const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** One grid of tokens: the VQGAN between pixels and tokens, and the transformer that guesses the masked ones. */
export class Stage<Prepared extends { dispose(): void }> {
  /** Tokens of an image, [h, w]. */
  readonly grid: readonly [height: number, width: number];
  /** Pixels of an image along each side. */
  readonly imageSize: number;
  readonly #forward: PlannedForward<Prepared>;
  readonly #images: ImageTokenizer;

  constructor(
    readonly name: StageName,
    private readonly runtime: Runtime,
    vqgan: VQGAN,
    private readonly transformer: TokenTransformer<Prepared>,
  ) {
    const { latentSize } = transformer.config;
    this.grid = [latentSize, latentSize];
    this.imageSize = latentSize * vqgan.downsampleFactor;
    this.#images = new ImageTokenizer(vqgan, runtime);
    this.#forward = new PlannedForward(runtime.backend, transformer);
  }

  get seqLen(): number {
    return this.grid[0] * this.grid[1];
  }

  get maskTokenId(): number {
    return this.transformer.maskTokenId;
  }

  /**
   * Tokens of an image. Transparent parts are taken for white.
   *
   * @param image sides multiples of the VQGAN's downsampling factor
   * @throws ImageError
   */
  async encode(image: RgbaImage): Promise<TokenGrid> {
    return this.#images.encodeImage(image);
  }

  /**
   * The image of a grid of tokens.
   *
   * @param tokenIds i32 [h·w] in [0, V)
   * @throws ConfigError
   */
  async decode(tokenIds: Int32Array, grid: readonly [number, number] = this.grid): Promise<RgbaImage> {
    return this.#images.decodeTokens(tokenIds, grid);
  }

  /** Frees what the device keeps for this stage; the networks stay. */
  dispose(): void {
    this.#forward.dispose();
    this.#images.dispose();
  }

  /** Samples the masked tokens. @returns i32 [B·S], the known ones as they were */
  async sample(options: SampleOptions<Prepared>): Promise<Int32Array> {
    const { settings, startStep, onStep } = options;
    const decodeOptions = { ...settings, ...this.#samplerOptions(options), startStep };
    return onStep ? this.#follow(decode(decodeOptions), options) : decodeTokens(decodeOptions);
  }

  /** Samples a few tokens again, many times: those of `eligible` drift. @returns i32 [B·S] */
  async remask(
    options: SampleOptions<Prepared>,
    { remaskRatio, eligible }: { remaskRatio: number; eligible: Uint8Array },
  ): Promise<Int32Array> {
    const steps = remask({ ...options.settings, ...this.#samplerOptions(options), remaskRatio, eligible });
    return this.#follow(steps, options);
  }

  #samplerOptions({ rows, tokenIds, seeds, randomStage, signal }: SampleOptions<Prepared>) {
    const { transformer, runtime } = this;
    const numImages = seeds.length;
    const { maskTokenId } = transformer;
    const { name } = runtime.backend;
    return {
      // wasm and cpu share the host's memory, and it draws at f64.
      tokensToLogits: (ids: Int32Array, request: LogitsRequest) => this.#logits(ids, request, rows, numImages),
      // libtensorflow draws on all cores, and copies what it hands to JavaScript.
      ...(name === 'tensorflow' && {
        sampleTokens: (ids: Int32Array, request: SampleRequest) => this.#sampleTokens(ids, request, rows),
      }),
      // Tokens stay on a GPU, which need not wait for the host.
      ...(name === 'webgpu' && {
        startDecoder: (ids: Int32Array, baseScores: Float32Array) =>
          new DeviceDecoder({ runtime, forward: this.#forward, rows, maskTokenId, numImages }, ids, baseScores),
      }),
      tokenIds,
      seeds,
      grid: this.grid,
      codebookSize: transformer.config.codebookSize,
      maskTokenId,
      stage: randomStage,
      signal,
    };
  }

  async #follow(
    steps: AsyncGenerator<DecodeStep>,
    { tokenIds: start, signal, onStep }: SampleOptions<Prepared>,
  ): Promise<Int32Array> {
    let tokenIds = start;
    for await (const step of steps) {
      tokenIds = step.tokenIds;
      await onStep?.(step);
      signal?.throwIfAborted();
    }
    return tokenIds;
  }

  /** @param tokenIds i32 [B·S] */
  async #sampleTokens(
    tokenIds: Int32Array,
    request: SampleRequest,
    rows: PreparedRows<Prepared>,
  ): Promise<SampledTokens[]> {
    await nextTurn();
    this.runtime.checkAlive('generate');
    const sampled = await this.#forward.sample(tokenIds, rows, request);
    const values = await Promise.all(sampled.map((tensor) => this.runtime.read<Float32Array>(tensor)));
    return values.map((pairs) => ({
      tokenIds: Int32Array.from({ length: pairs.length / 2 }, (_, at) => pairs[2 * at]!),
      logProbability: Float32Array.from({ length: pairs.length / 2 }, (_, at) => pairs[2 * at + 1]!),
    }));
  }

  /** @param tokenIds i32 [B·S] */
  async #logits(
    tokenIds: Int32Array,
    { needsUnconditional }: LogitsRequest,
    rows: PreparedRows<Prepared>,
    numImages: number,
  ): Promise<Logits> {
    await nextTurn();
    this.runtime.checkAlive('generate');
    const kinds = await this.#forward.run(tokenIds, rows, { needsUnconditional, numImages });
    const values = await Promise.all(kinds.map((logits) => this.runtime.read<Float32Array>(logits)));
    const [conditional, unconditional] = values as [Float32Array, Float32Array?];
    return { conditional, ...(unconditional && { unconditional }) };
  }
}
