import { ConfigError, type ErrorPlace } from '@muse/backend';
import type { SamplingDefaults } from '@muse/checkpoint';
import { type DecodeStep, resolveSamplingSettings, type SamplingSettings, settingNames } from '@muse/sampler';
import type { GenerationSettings, MicroConditioning, RgbaImage } from './image.js';
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

/**
 * What every pipeline takes. Sampling settings that are left out are the model's own, from its model_index.json. Of a
 * diffusers folder `guidanceScale` is diffusers': s in u + s·(c − u), so 1 and less guide nothing.
 */
export interface PipelineOptions extends Partial<SamplingSettings> {
  readonly prompt: string;
  /** Takes the place of "no text" in the guidance, so it has an effect only with a guidance scale above 0. */
  readonly negativePrompt?: string;
  /** Whether the second stage has its turn. Default: if the model has one. */
  readonly superRes?: boolean;
  /** Sampling of the second stage; what is left out is the model's own. The other settings are the base's. */
  readonly superResSampling?: Partial<SamplingSettings>;
  /** Only of a model that takes it (aMUSEd); what is left out is the image's own size, no crop, a score of 6. */
  readonly microConditioning?: Partial<MicroConditioning>;
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
  /** The model's own; without those of a second stage it has none. */
  readonly defaults: {
    readonly sampling: Partial<SamplingSettings>;
    readonly superResSampling?: SamplingDefaults;
    readonly microConditioning?: MicroConditioning;
  };
  /** Default 1. */
  readonly count?: number;
  /** Whether a prompt may be left out. */
  readonly isPromptOptional?: boolean;
}

/** @throws ConfigError on the first option out of its range */
export function resolveOptions(
  options: Partial<PipelineOptions>,
  { place, defaults, count = 1, isPromptOptional = false }: ResolveContext,
): ResolvedOptions {
  const { prompt, negativePrompt } = options;
  const hasPrompt = !isPromptOptional || (prompt !== undefined && prompt !== '');
  if (hasPrompt) checkPrompt(place, 'prompt', prompt);
  if (negativePrompt !== undefined) checkPrompt(place, 'negativePrompt', negativePrompt);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ConfigError(place, `expected count to be an integer of at least 1, got ${count}`);
  }
  const seed = options.seed ?? randomSeed();
  if (!Number.isSafeInteger(seed) || seed < 0 || !Number.isSafeInteger(seed + (count - 1))) {
    throw new ConfigError(place, `expected seeds (seed … seed + count − 1) to be integers in [0, 2^53), got ${seed}`);
  }
  // Without any text both branches of the guidance are one.
  const unguided = hasPrompt || negativePrompt !== undefined ? {} : { guidanceScale: 0 };
  return {
    settings: {
      prompt: prompt ?? '',
      ...(negativePrompt !== undefined && { negativePrompt }),
      ...resolveSampling(place, { ...options, ...unguided }, defaults.sampling),
      ...resolveSuperRes(place, options, unguided, defaults.superResSampling),
      ...resolveMicroConditioning(place, options.microConditioning, defaults.microConditioning),
    },
    seeds: Array.from({ length: count }, (_, i) => seed + i),
  };
}

function resolveSuperRes(
  place: ErrorPlace,
  options: Partial<PipelineOptions>,
  unguided: Partial<SamplingSettings>,
  defaults: SamplingDefaults | undefined,
): Pick<GenerationSettings, 'superRes' | 'superResSampling'> {
  const { superRes = defaults !== undefined, superResSampling } = options;
  if (!defaults) {
    if (!superRes && superResSampling === undefined) return {};
    throw new ConfigError(place, 'expected a model with a super-resolution stage, got one without');
  }
  if (!superRes) return { superRes };
  const sampling = resolveSampling(place, { ...superResSampling, ...unguided }, defaults as Partial<SamplingSettings>);
  return { superRes, superResSampling: sampling };
}

function resolveMicroConditioning(
  place: ErrorPlace,
  given: Partial<MicroConditioning> | undefined,
  defaults: MicroConditioning | undefined,
): Pick<GenerationSettings, 'microConditioning'> {
  if (!defaults) {
    if (given === undefined) return {};
    throw new ConfigError(place, 'expected a model that takes microConditioning, got one that does not');
  }
  const microConditioning = { ...defaults, ...given };
  const { originalSize, cropOffset, aestheticScore } = microConditioning;
  const areNumbers = (values: unknown): boolean =>
    Array.isArray(values) && values.length === 2 && values.every((value) => Number.isFinite(value));
  for (const [name, value] of Object.entries({ originalSize, cropOffset })) {
    if (areNumbers(value)) continue;
    throw new ConfigError(place, `expected microConditioning.${name} to be two numbers, got ${JSON.stringify(value)}`);
  }
  if (!Number.isFinite(aestheticScore)) {
    const expected = 'expected microConditioning.aestheticScore to be a number';
    throw new ConfigError(place, `${expected}, got ${aestheticScore}`);
  }
  return { microConditioning };
}

/** Settings that are given, over a model's own. */
function resolveSampling(
  place: ErrorPlace,
  options: Partial<SamplingSettings>,
  defaults: Partial<SamplingSettings>,
): SamplingSettings {
  const own = settingNames.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return resolveSamplingSettings({ ...defaults, ...Object.fromEntries(own) }, place);
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
