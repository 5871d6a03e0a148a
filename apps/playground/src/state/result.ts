import type { EditedImage, GeneratedImage, RgbaImage } from '@muse/muse';
import { type Recipe, showsStages } from './recipe.ts';
import type { ModelChoice } from './state.ts';

export type StageName = 'base' | 'super-res';

/** A step of an image, kept to be looked at again. */
export interface StepRecord {
  readonly stage: StageName;
  readonly step: number;
  readonly numSteps: number;
  readonly grid: readonly [height: number, width: number];
  /** i32 [h·w]; masked ones hold the mask token. */
  readonly tokenIds: Int32Array;
  /** i32 [h·w], nothing masked: the guesses. */
  readonly candidates: Int32Array;
  /** f32 [h·w] */
  readonly confidence: Float32Array;
  readonly numMasked: number;
  readonly guidanceScale: number;
  readonly preview: RgbaImage;
}

/** Where the time went, in ms. */
export interface Times {
  /** Of the text, and of what was computed once: until the first step ended, less a step. */
  readonly total: number;
  readonly base: number;
  readonly superRes: number;
}

/** An image that was made, with how. */
export interface Result {
  readonly id: number;
  /** Of this image alone: its own seed, count 1. */
  readonly recipe: Recipe;
  readonly image: GeneratedImage | EditedImage;
  readonly steps: readonly StepRecord[];
  readonly times: Times;
  readonly device: string;
  /** The model that made it, which may be another than the one that is loaded now. */
  readonly choice: ModelChoice;
  readonly modelName: string;
  readonly hasSuperRes: boolean;
}

/** Whether a token is still open after a step: the mask token is no guess. */
export function isMasked({ tokenIds, candidates }: StepRecord, position: number): boolean {
  return tokenIds[position] !== candidates[position];
}

/** The last step of the first stage, if there was a second one. */
export function lastBaseStep({ recipe, hasSuperRes, steps }: Result): StepRecord | undefined {
  return showsStages(recipe, hasSuperRes) ? steps.findLast(({ stage }) => stage === 'base') : undefined;
}
