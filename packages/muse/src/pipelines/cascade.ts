import type { PreparedConditioning } from '@muse/masked-transformer';
import type { DecodeStep } from '@muse/sampler';
import type { RgbaImage, TokenGrid } from '../image.js';
import type { GenerationStep, PipelineOptions, ResolvedOptions } from '../options.js';
import { PreparedRows } from '../preparedRows.js';
import type { SampleOptions, Stage } from '../stage.js';
import { TextRows } from '../textRows.js';
import type { PipelineContext } from './context.js';

/** One run of the model over one window. */
export interface WindowJob {
  /** Index of the image; its seed is that of the options. */
  readonly image: number;
  /** Default 0 of 1. */
  readonly window?: number;
  readonly numWindows?: number;
  /** What is known of the picture, at a stage's size; if left out, nothing is. */
  readonly picture?: (size: number) => RgbaImage;
  /** u8 [h·w] of a stage's grid: the tokens to sample. */
  readonly tokenMask: (grid: readonly [number, number]) => Uint8Array;
}

export interface WindowResult extends TokenGrid {
  /** At the model's own size. */
  readonly picture: RgbaImage;
  /** u8 [h·w]: the tokens that were sampled. */
  readonly tokenMask: Uint8Array;
}

/** The stages with the prompt of one call: what the pipelines share. */
export class Cascade {
  readonly #context: PipelineContext;
  readonly #resolved: ResolvedOptions;
  readonly #options: Pick<PipelineOptions, 'signal' | 'onStep'>;
  readonly #text: TextRows;
  readonly #baseRows: PreparedRows<PreparedConditioning>;

  constructor(
    context: PipelineContext,
    resolved: ResolvedOptions,
    options: Pick<PipelineOptions, 'signal' | 'onStep'>,
  ) {
    const { transformer } = context.parts;
    const { prompt, negativePrompt } = resolved.settings;
    this.#context = context;
    this.#resolved = resolved;
    this.#options = options;
    this.#text = new TextRows(context.parts, prompt, negativePrompt);
    this.#baseRows = new PreparedRows((numRows) => this.#text.take(numRows, (text) => transformer.prepare(text)));
  }

  async run(job: WindowJob): Promise<WindowResult> {
    const { base } = this.#context;
    const tokenMask = job.tokenMask(base.grid);
    const start = await this.#maskedTokens(base, job, tokenMask);
    const tokenIds = await base.sample(this.#sampleOptions(base, job, start));
    return { picture: await base.decode(tokenIds), tokenIds, grid: base.grid, tokenMask };
  }

  dispose(): void {
    this.#text.dispose();
    this.#baseRows.dispose();
  }

  /** Tokens of what is known, with the mask token where they are to be sampled. */
  async #maskedTokens(
    stage: Stage<PreparedConditioning>,
    { picture }: WindowJob,
    tokenMask: Uint8Array,
  ): Promise<Int32Array> {
    // A picture of which nothing is kept need not be encoded.
    const isFresh = !picture || tokenMask.every((masked) => masked === 1);
    const tokenIds = isFresh ? new Int32Array(stage.seqLen) : (await stage.encode(picture(stage.imageSize))).tokenIds;
    return tokenIds.map((id, i) => (tokenMask[i] === 1 ? stage.maskTokenId : id));
  }

  #sampleOptions(
    stage: Stage<PreparedConditioning>,
    job: WindowJob,
    tokenIds: Int32Array,
  ): SampleOptions<PreparedConditioning> {
    const { settings, seeds } = this.#resolved;
    const { window = 0 } = job;
    return {
      rows: this.#baseRows,
      tokenIds,
      seed: seeds[job.image]!,
      settings,
      // Two stages to a window.
      randomStage: 2 * window,
      signal: this.#options.signal,
      onStep: (step) => this.#tell(stage, job, step),
    };
  }

  async #tell(
    stage: Stage<PreparedConditioning>,
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
