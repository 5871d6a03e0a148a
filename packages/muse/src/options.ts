import { ConfigError, type ErrorPlace } from '@muse/backend';
import type { SamplingDefaults } from '@muse/checkpoint';
import { type DecodeStep, resolveSamplingSettings, type SamplingSettings, settingNames } from '@muse/sampler';
import type { GenerationSettings, RgbaImage } from './image.js';
import type { StageName } from './stage.js';

/** One decoding step of one image. */
export interface GenerationStep extends DecodeStep {
  /** Which of the images, from 0. */
  readonly image: number;
  readonly count: number;
  /** Which window of the image, from 0: `outpaint` has several. */
  readonly window: number;
  readonly numWindows: number;
  /** The stage that steps; the steps of each are counted from 1. */
  readonly stage: StageName;
  readonly seed: number;
  readonly grid: readonly [height: number, width: number];
  /**
   * Pixels of `candidates` at the stage's own size: the image, or an edit's window, as it would be if it ended here.
   * Costs a pass of the VQGAN's decoder.
   */
  preview(): Promise<RgbaImage>;
}

/** What every pipeline takes. Sampling settings that are left out are the model's own, from its model_index.json. */
export interface PipelineOptions extends Partial<SamplingSettings> {
  readonly prompt: string;
  /** Takes the place of "no text" in the guidance, so it has an effect only with a guidance scale above 0. */
  readonly negativePrompt?: string;
  /** The first image's; the others have seed + 1, seed + 2, … Random below 2³² if left out. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Called after each step; the next one waits for it. What it throws ends the call. */
  readonly onStep?: (step: GenerationStep) => void | Promise<void>;
}

export interface ResolvedOptions {
  readonly settings: GenerationSettings;
  /** One per image. */
  readonly seeds: readonly number[];
}

export interface ResolveContext {
  readonly place: ErrorPlace;
  readonly defaults: Partial<SamplingDefaults>;
  /** Default 1. */
  readonly count?: number;
}

/** @throws ConfigError on the first option out of its range */
export function resolveOptions(
  options: PipelineOptions,
  { place, defaults, count = 1 }: ResolveContext,
): ResolvedOptions {
  const { prompt, negativePrompt } = options;
  checkPrompt(place, 'prompt', prompt);
  if (negativePrompt !== undefined) checkPrompt(place, 'negativePrompt', negativePrompt);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ConfigError(place, `expected count to be an integer of at least 1, got ${count}`);
  }
  const seed = options.seed ?? randomSeed();
  if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(seed + (count - 1))) {
    throw new ConfigError(place, `expected seeds (seed … seed + count − 1) to be integers in [0, 2^53), got ${seed}`);
  }
  return {
    settings: {
      prompt,
      ...(negativePrompt !== undefined && { negativePrompt }),
      ...resolveSampling(place, options, defaults),
    },
    seeds: Array.from({ length: count }, (_, i) => seed + i),
  };
}

/** Settings that are given, over a model's own. */
export function resolveSampling(
  place: ErrorPlace,
  options: Partial<SamplingSettings>,
  defaults: Partial<SamplingDefaults>,
): SamplingSettings {
  const own = settingNames.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return resolveSamplingSettings({ ...defaults, ...Object.fromEntries(own) } as Partial<SamplingSettings>, place);
}

function checkPrompt(place: ErrorPlace, name: string, prompt: unknown): void {
  if (typeof prompt === 'string' && prompt.trim() !== '') return;
  const got = typeof prompt === 'string' ? 'an empty one' : String(prompt);
  throw new ConfigError(place, `expected a ${name} that says what to draw, got ${got}`);
}

/** Uniform in [0, 2³²): short enough to be typed again. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
