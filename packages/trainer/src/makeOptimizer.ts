import { adafactor } from './optimizers/adafactor.js';
import { adam, adamW } from './optimizers/adam.js';
import type { Optimizer } from './optimizers/optimizer.js';
import type { RunSettings } from './presets.js';
import type { LoopOptions } from './run/runTraining.js';

/** The update rule that a run's settings name. */
export function makeOptimizer({ optimizer, betas, weightDecay }: RunSettings): Optimizer {
  switch (optimizer) {
    case 'adam':
      return adam({ betas, weightDecay });
    case 'adamW':
      return adamW({ betas, weightDecay });
    case 'adafactor':
      return adafactor({ beta1: betas[0], beta2: betas[1], weightDecay });
    default:
      return optimizer satisfies never;
  }
}

/** The part of a run's settings that the loop needs. */
export function loopOptions(settings: RunSettings): LoopOptions {
  const { numSteps, seed, learningRate, warmupSteps, finalLearningRate, checkpointEvery, keepEvery, previewEvery } =
    settings;
  return {
    numSteps,
    seed,
    schedule: { peak: learningRate, warmupSteps, decaySteps: numSteps, final: finalLearningRate },
    checkpointEvery,
    keepEvery,
    previewEvery,
  };
}
