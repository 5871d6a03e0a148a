import type { GeneratedImage, GenerationStep, Muse, PipelineOptions, StageName } from '@muse/muse';
import type { ImageRecord } from '../output/record.js';
import type { ModelFlags } from './modelFlags.js';

/** Options of every command that makes images: where they go, what is written beside them, what is printed. */
export interface OutputFlags extends ModelFlags {
  readonly output?: string;
  readonly grid?: boolean;
  readonly stepsGif?: boolean;
  readonly stepsStrip?: boolean;
  readonly tokens?: string;
  readonly json?: boolean;
  readonly force?: boolean;
  readonly picture: boolean;
}

/** Options that say how images are drawn. */
export interface SamplingFlags {
  readonly negative?: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly guidanceSchedule?: PipelineOptions['guidanceSchedule'];
  readonly guidanceInterval?: [number, number];
  readonly order?: PipelineOptions['order'];
  readonly maskSchedule?: PipelineOptions['maskSchedule'];
  readonly sampleTemperature?: number;
  readonly choiceTemperature?: [number, number];
  readonly topK?: number;
  readonly topP?: number;
  readonly superRes?: boolean;
  readonly superResSteps?: number;
  readonly superResGuidance?: number;
  readonly aestheticScore?: number;
  readonly originalSize?: [width: number, height: number];
  readonly cropOffset?: [number, number];
}

/** What a command hands to the pipeline that it calls. */
export interface ImageHooks {
  readonly signal: AbortSignal;
  readonly onStep: (step: GenerationStep) => Promise<void>;
  /** To be called with each image as it is made. */
  readonly onImage: (image: GeneratedImage) => Promise<void>;
}

/** The part of a command that is its own. */
export interface ImageJob extends Pick<ModelFlags, 'device' | 'dtype' | 'revision' | 'variant'> {
  readonly model: string;
  readonly numImages: number;
  /** What the record has beside model, device, seed and settings. */
  readonly record?: Pick<ImageRecord, 'edit'>;
  /** Name of an image's file, without extension. */
  nameOf(image: GeneratedImage): string;
  /** Name of the sheet's file without `-grid.png`, if it isn't the first image's. */
  sheetNameOf?(first: GeneratedImage): string;
  /** Stages that have their turn, in order. */
  stages(muse: Muse): readonly StageName[];
  /** Checks what needs the model, before anything is computed. */
  check?(muse: Muse): void;
  make(muse: Muse, hooks: ImageHooks): Promise<void>;
}

/** What was given of the sampling settings. @param own those of the second stage that are to be kept */
export function settingsOf(
  flags: SamplingFlags,
  own: PipelineOptions['superResSampling'] = {},
): Partial<PipelineOptions> {
  const superResSampling = given({ numSteps: flags.superResSteps, guidanceScale: flags.superResGuidance });
  const { aestheticScore, originalSize, cropOffset } = flags;
  const microConditioning = given({ aestheticScore, originalSize, cropOffset });
  return given({
    microConditioning: Object.keys(microConditioning).length > 0 ? microConditioning : undefined,
    negativePrompt: flags.negative,
    numSteps: flags.steps,
    guidanceScale: flags.guidance,
    guidanceSchedule: flags.guidanceSchedule,
    guidanceInterval: flags.guidanceInterval,
    order: flags.order,
    maskSchedule: flags.maskSchedule,
    sampleTemperature: flags.sampleTemperature,
    choiceTemperature: flags.choiceTemperature,
    topK: flags.topK,
    topP: flags.topP,
    superRes: flags.superRes,
    superResSampling: Object.keys(superResSampling).length > 0 ? { ...own, ...superResSampling } : undefined,
  });
}

/** Without what was left out. */
function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The stages of a pipeline that runs all of a model. */
export function stagesOf({ hasSuperRes }: Muse, superRes = true): readonly StageName[] {
  return hasSuperRes && superRes ? ['base', 'super-res'] : ['base'];
}

/** Short enough to be typed again. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
