import { ConfigError } from '@muse/backend';

export interface LearningRateSchedule {
  /** Highest learning rate, reached at the end of the warm-up. */
  readonly peak: number;
  /** Linear from 0 over so many steps. Default 0. */
  readonly warmupSteps?: number;
  /** Step at which the rate arrives at `final`; it stays there. */
  readonly decaySteps: number;
  /** Default 0. */
  readonly final?: number;
  /** Default `cosine`. */
  readonly shape?: 'cosine' | 'constant';
}

/**
 * Learning rate of a step: linear warm-up, then half a cosine down to `final` (Loshchilov & Hutter 2017,
 * arXiv 1608.03983, without restarts).
 *
 * @param step counted from 1; step `warmupSteps` is the first at the peak
 */
export function learningRateAt(schedule: LearningRateSchedule, step: number): number {
  const { peak, warmupSteps = 0, decaySteps, final = 0, shape = 'cosine' } = schedule;
  if (!(peak >= 0) || !(warmupSteps >= 0) || !(decaySteps > 0) || !(final >= 0)) {
    throw new ConfigError(
      { package: 'trainer', in: 'learningRateAt' },
      `expected peak, warmupSteps, final ≥ 0 and decaySteps > 0, got ${JSON.stringify(schedule)}`,
    );
  }
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  if (shape === 'constant') return peak;
  const span = Math.max(1, decaySteps - warmupSteps);
  const progress = Math.min(1, (step - warmupSteps) / span);
  return final + ((peak - final) * (1 + Math.cos(Math.PI * progress))) / 2;
}
