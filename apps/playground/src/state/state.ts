import type { DeviceMemory, ModelSource, RemoteFacts } from '@muse/muse/worker';
import type { Recipe } from './recipe.ts';
import type { Result, StepRecord } from './result.ts';

export type DeviceChoice = 'auto' | 'webgpu' | 'wasm';

/** The bundled model, as the command line calls it. */
export const BUNDLED_ID = '@muse/model-emoji';

/** A model that can be loaded. */
export interface ModelChoice {
  readonly title: string;
  readonly source: ModelSource;
  /** Of the bundled one, known without asking. */
  readonly sizeBytes?: number;
  /** What goes for it in a link and a command; undefined for files from disk. */
  readonly id?: string;
  /** Of a model on the hub: which of its weight files. */
  readonly variant?: string;
  /** Of the bundled one, known without loading it. */
  readonly hasSuperRes?: boolean;
}

/** A model of the hub; of the published aMUSEd the half-sized weights, which others may not have. */
export function hubChoice(id: string): ModelChoice {
  const variant = /^amused\/amused-(256|512)$/.test(id) ? 'fp16' : undefined;
  return { title: id, source: { hub: id, variant }, id, variant };
}

export type ModelState =
  | { readonly status: 'absent' }
  | { readonly status: 'loading'; readonly loadedBytes: number; readonly totalBytes: number }
  | { readonly status: 'ready'; readonly facts: RemoteFacts; readonly memory?: DeviceMemory }
  | { readonly status: 'failed'; readonly problem: Problem };

/** What went wrong, and what to do about it. */
export interface Problem {
  readonly title: string;
  readonly advice: string;
  /** The error's own words. */
  readonly detail?: string;
}

/** What is being made. */
export interface Work {
  readonly recipe: Recipe;
  /** By image: its steps so far. */
  readonly steps: readonly (readonly StepRecord[])[];
  readonly isCancelling: boolean;
}

/** Mask strokes of the editor that can be taken back. */
export interface MaskHistory {
  readonly past: readonly Uint8Array[];
  readonly future: readonly Uint8Array[];
}

export interface PlaygroundState {
  readonly model: ModelState;
  readonly choice: ModelChoice;
  readonly device: DeviceChoice;
  readonly recipe: Recipe;
  /** The seed stays from image to image. */
  readonly isSeedLocked: boolean;
  readonly work?: Work;
  /** Newest first. */
  readonly results: readonly Result[];
  readonly selected?: number;
  /** Step that the scrubber stands at; undefined: the end. */
  readonly shownStep?: number;
  readonly masks: MaskHistory;
  readonly problem?: Problem;
  /** Something to know that is no failure. */
  readonly notice?: string;
  /** For screen readers. */
  readonly announcement: string;
}

export function selectedResult({ results, selected }: PlaygroundState): Result | undefined {
  return results.find(({ id }) => id === selected);
}
