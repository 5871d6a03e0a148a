import { ConfigError } from '@muse/backend';
import type { SamplingDefaults } from '@muse/checkpoint';
import { type DecodeStep, resolveSamplingSettings, type SamplingSettings, settingNames } from '@muse/sampler';
import type { GeneratedImage, GenerationSettings, RgbaImage } from './image.js';

/** One decoding step of one image. */
export interface GenerationStep extends DecodeStep {
  /** Which of the images, from 0. */
  readonly image: number;
  readonly count: number;
  readonly seed: number;
  readonly grid: readonly [height: number, width: number];
  /** Pixels of `candidates`: the image as it would be if it ended here. Costs a pass of the VQGAN's decoder. */
  preview(): Promise<RgbaImage>;
}

/** Sampling settings that are left out are the model's own, from its model_index.json. */
export interface GenerateOptions extends Partial<SamplingSettings> {
  readonly prompt: string;
  /** Takes the place of "no text" in the guidance, so it has an effect only with a guidance scale above 0. */
  readonly negativePrompt?: string;
  /** The first image's; the others have seed + 1, seed + 2, … Random below 2³² if left out. */
  readonly seed?: number;
  /** Default 1. */
  readonly count?: number;
  readonly signal?: AbortSignal;
  /** Called after each step; the next one waits for it. What it throws ends the generation. */
  readonly onStep?: (step: GenerationStep) => void | Promise<void>;
  /** Called with each image as it is made; the next one waits for it. What it throws ends the generation. */
  readonly onImage?: (image: GeneratedImage) => void | Promise<void>;
}

export interface ResolvedGenerateOptions {
  readonly settings: GenerationSettings;
  /** One per image. */
  readonly seeds: readonly number[];
}

const place = { package: 'muse', in: 'generate' };

/** @throws ConfigError on the first option out of its range */
export function resolveGenerateOptions(options: GenerateOptions, defaults: SamplingDefaults): ResolvedGenerateOptions {
  const { prompt, negativePrompt, count = 1 } = options;
  checkPrompt('prompt', prompt);
  if (negativePrompt !== undefined) checkPrompt('negativePrompt', negativePrompt);
  const own = settingNames.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  const sampling = { ...defaults, ...Object.fromEntries(own) } as Partial<SamplingSettings>;
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
      ...resolveSamplingSettings(sampling, place),
    },
    seeds: Array.from({ length: count }, (_, i) => seed + i),
  };
}

function checkPrompt(name: string, prompt: unknown): void {
  if (typeof prompt === 'string' && prompt.trim() !== '') return;
  const got = typeof prompt === 'string' ? 'an empty one' : String(prompt);
  throw new ConfigError(place, `expected a ${name} that says what to draw, got ${got}`);
}

/** Uniform in [0, 2³²): short enough to be typed again. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
