import { type DecodeStep, guidanceFromDiffusers, type SamplingSettings } from '@muse/sampler';
import type { PromptConditioning } from '../conditioning/conditioner.js';
import type { RgbaImage, TokenGrid } from '../image.js';
import type { GenerationStep, PipelineOptions, ResolvedOptions } from '../options.js';
import type { PreparedRows } from '../preparedRows.js';
import type { SampleOptions, Stage } from '../stage.js';
import type { PipelineContext } from './context.js';

/** Tokens of a stage, and which of them are new: u8 [h·w], 1 where they are. */
export interface SampledTokens extends TokenGrid {
  readonly tokenMask: Uint8Array;
}

/** One run of the model over one window. */
export interface WindowJob {
  /** Index of the image; its seed is that of the options. */
  readonly image: number;
  /** Default 0 of 1. */
  readonly window?: number;
  readonly numWindows?: number;
  /** What is known of the picture, at a stage's size; if left out, nothing is. */
  readonly picture?: (size: number) => RgbaImage;
  /**
   * The tokens of a stage that may be sampled anew, u8 [h·w]. The second stage is told what the base did.
   */
  readonly tokenMask: (grid: readonly [number, number], base?: SampledTokens) => Uint8Array;
  /** Steps of the base's schedule that count as done; see the sampler's `startStep`. */
  readonly startStep?: number;
  /** The base's tokens are sampled a few at a time, over and over, instead of masked and decoded. */
  readonly remask?: { readonly numSteps: number; readonly remaskRatio: number };
}

/** Tokens of the last stage. */
export interface WindowResult extends SampledTokens {
  /** At the last stage's size. */
  readonly picture: RgbaImage;
  /** Tokens of the base stage, if a second one had its turn. */
  readonly base?: SampledTokens;
}

/** What `Cascade` needs to know of a stage's turn. */
interface Turn<Prepared extends { dispose(): void }> {
  readonly stage: Stage<Prepared>;
  readonly rows: PreparedRows<Prepared>;
  readonly settings: SamplingSettings;
  /** Two stages to a window: 0 and 1. */
  readonly index: 0 | 1;
}

/** The stages with the prompt of one call: what the pipelines share. */
export class Cascade {
  readonly #context: PipelineContext;
  readonly #resolved: ResolvedOptions;
  readonly #options: Pick<PipelineOptions, 'signal' | 'onStep'>;
  readonly #conditioning: PromptConditioning;

  /** @param conditioning its own from then on */
  constructor(
    context: PipelineContext,
    resolved: ResolvedOptions,
    options: Pick<PipelineOptions, 'signal' | 'onStep'>,
    conditioning: PromptConditioning,
  ) {
    this.#context = context;
    this.#resolved = resolved;
    this.#options = options;
    this.#conditioning = conditioning;
  }

  /**
   * The base's tokens of several images of which nothing is known, computed at once. Nobody is told of the steps.
   *
   * @param images their indices
   */
  async sampleTogether(images: readonly number[]): Promise<SampledTokens[]> {
    const { base: stage } = this.#context;
    const { seqLen, grid, maskTokenId } = stage;
    const all = await stage.sample({
      rows: this.#conditioning.base,
      tokenIds: new Int32Array(images.length * seqLen).fill(maskTokenId),
      seeds: images.map((image) => this.#resolved.seeds[image]!),
      settings: this.#samplerSettings(this.#resolved.settings),
      randomStage: 0,
      signal: this.#options.signal,
    });
    return images.map((_, i) => ({
      tokenIds: all.slice(i * seqLen, (i + 1) * seqLen),
      grid,
      tokenMask: new Uint8Array(seqLen).fill(1),
    }));
  }

  /**
   * The base stage's tokens, the second stage's if it has its turn, and the picture of the last ones.
   *
   * @param sampled the base's tokens, if they are there already
   */
  async run(job: WindowJob, sampled?: SampledTokens): Promise<WindowResult> {
    const { settings } = this.#resolved;
    const { base: stage, superRes } = this.#context;
    const turn = { stage, rows: this.#conditioning.base, settings, index: 0 } as const;
    const base = sampled ?? (await (job.remask ? this.#remask(turn, job, job.remask) : this.#sample(turn, job)));
    if (!superRes || !settings.superResSampling) return { ...base, picture: await stage.decode(base.tokenIds) };
    const rows = this.#conditioning.superRes!(base.tokenIds);
    try {
      const fineTurn = { stage: superRes, rows, settings: settings.superResSampling, index: 1 } as const;
      const fine = await this.#sample(fineTurn, job, base);
      return { ...fine, picture: await superRes.decode(fine.tokenIds), base };
    } finally {
      rows.dispose();
    }
  }

  dispose(): void {
    this.#conditioning.dispose();
  }

  async #sample<Prepared extends { dispose(): void }>(
    turn: Turn<Prepared>,
    job: WindowJob,
    base?: SampledTokens,
  ): Promise<SampledTokens> {
    const { stage } = turn;
    const { grid } = stage;
    const tokenMask = job.tokenMask(grid, base);
    // A picture of which nothing is kept need not be encoded.
    const isFresh = !job.picture || tokenMask.every((masked) => masked === 1);
    const known = isFresh ? new Int32Array(tokenMask.length) : await this.#encode(stage, job);
    const masked = known.map((id, i) => (tokenMask[i] === 1 ? stage.maskTokenId : id));
    return { tokenIds: await stage.sample(this.#sampleOptions(turn, job, masked)), grid, tokenMask };
  }

  /** @returns as new: the tokens that are not what they were */
  async #remask<Prepared extends { dispose(): void }>(
    turn: Turn<Prepared>,
    job: WindowJob,
    { numSteps, remaskRatio }: NonNullable<WindowJob['remask']>,
  ): Promise<SampledTokens> {
    const { stage } = turn;
    const known = await this.#encode(stage, job);
    const options = this.#sampleOptions({ ...turn, settings: { ...turn.settings, numSteps } }, job, known);
    const tokenIds = await stage.remask(options, { remaskRatio, eligible: job.tokenMask(stage.grid) });
    return { tokenIds, grid: stage.grid, tokenMask: Uint8Array.from(tokenIds, (id, i) => (id === known[i] ? 0 : 1)) };
  }

  async #encode<Prepared extends { dispose(): void }>(
    stage: Stage<Prepared>,
    { picture }: WindowJob,
  ): Promise<Int32Array> {
    return (await stage.encode(picture!(stage.imageSize))).tokenIds;
  }

  #sampleOptions<Prepared extends { dispose(): void }>(
    { stage, rows, settings, index }: Turn<Prepared>,
    job: WindowJob,
    tokenIds: Int32Array,
  ): SampleOptions<Prepared> {
    return {
      rows,
      tokenIds,
      seeds: [this.#resolved.seeds[job.image]!],
      settings: this.#samplerSettings(settings),
      ...(index === 0 && { startStep: job.startStep }),
      randomStage: 2 * (job.window ?? 0) + index,
      signal: this.#options.signal,
      ...(this.#options.onStep && { onStep: (step) => this.#tell(stage, job, step) }),
    };
  }

  /** Settings as the sampler has them: a diffusers folder counts guidance in another way. */
  #samplerSettings(settings: SamplingSettings): SamplingSettings {
    if (this.#context.parts.index.format !== 'diffusers') return settings;
    return { ...settings, guidanceScale: guidanceFromDiffusers(settings.guidanceScale) };
  }

  async #tell<Prepared extends { dispose(): void }>(
    stage: Stage<Prepared>,
    { image, window = 0, numWindows = 1 }: WindowJob,
    step: DecodeStep,
  ): Promise<void> {
    const { seeds } = this.#resolved;
    const told: GenerationStep = {
      ...step,
      image,
      count: seeds.length,
      window,
      numWindows,
      stage: stage.name,
      seed: seeds[image]!,
      grid: stage.grid,
      preview: () => stage.decode(step.candidates),
    };
    await this.#options.onStep?.(told);
  }
}

/**
 * Calls `use` with the stages and the prompt of a call, which are given back at the end.
 *
 * @throws the signal's reason (an AbortError) if it is aborted already, and what `use` throws
 */
export async function withCascade<R>(
  context: PipelineContext,
  resolved: ResolvedOptions,
  options: Pick<PipelineOptions, 'signal' | 'onStep'>,
  use: (cascade: Cascade) => Promise<R>,
): Promise<R> {
  const { signal } = options;
  signal?.throwIfAborted();
  const conditioning = await context.conditioner.prepare(resolved.settings, signal);
  const cascade = new Cascade(context, resolved, options, conditioning);
  try {
    // A text encoder that is read block by block takes long enough for someone to dispose of the pipeline.
    context.runtime.checkAlive('generate');
    return await use(cascade);
  } finally {
    cascade.dispose();
  }
}
