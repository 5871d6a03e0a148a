import type { Backend } from '@muse/backend';
import type { ImageGrid } from '../imageGrid.js';
import type { StepScalars } from '../meanScalars.js';
import type { StateGroup } from './stateGroup.js';

export interface StepInfo {
  /** Counted from 1. Every random number of the step is a function of the seed and of this. */
  readonly step: number;
  readonly learningRate: number;
}

export interface Preview {
  /** Written to `previews/<name>-<step>.png`. */
  readonly images: Readonly<Record<string, ImageGrid>>;
  /** Added to the metrics of the step. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** What `runTraining` runs: one model's training, without its surroundings. */
export interface TrainingTask {
  readonly kind: 'tokenizer' | 'base' | 'super-res' | 'classifier';
  readonly backend: Backend;
  /** What makes the tensors of a checkpoint fit: a run with another one can't be resumed. */
  readonly modelConfig: unknown;
  readonly imagesPerStep: number;
  /** All tensors that a resumed run needs. */
  groups(): readonly StateGroup[];
  /**
   * One optimizer step. Scalars stay on the device until someone reads them; `loss` is always there, and every number
   * has to be finite. The caller disposes them.
   */
  step(info: StepInfo): Promise<StepScalars>;
  preview?(step: number): Promise<Preview>;
  dispose(): void;
}
