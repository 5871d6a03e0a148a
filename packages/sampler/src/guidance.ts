/**
 * How the guidance scale t of (1 + t)·conditional − t·unconditional moves over the steps:
 * - `constant`: t at each step;
 * - `linear`: rises linearly from 0 at the first step to t at the last, so that early tokens are sampled freely
 *   (Chang et al. 2023, Muse, section 2.7);
 * - `cosine`: rises along t·(1 − cos πρ)/2, flat at both ends;
 * - `interval`: t inside the interval, 0 outside of it (Kynkäänniemi et al. 2024).
 */
export const guidanceSchedules = ['constant', 'linear', 'cosine', 'interval'] as const;
export type GuidanceSchedule = (typeof guidanceSchedules)[number];

export interface GuidanceOptions {
  /** t, at its highest. */
  readonly guidanceScale: number;
  readonly guidanceSchedule: GuidanceSchedule;
  /** Of `interval`: where guidance is on, in shares of the way from the first step (0) to the last (1), both included. */
  readonly guidanceInterval: readonly [start: number, end: number];
}

/**
 * The guidance scale of a step. A decode of one step is guided in full.
 *
 * @param step k in 1 … numSteps
 */
export function guidanceScaleAt(options: GuidanceOptions, step: number, numSteps: number): number {
  const { guidanceScale, guidanceSchedule } = options;
  const progress = numSteps === 1 ? 1 : (step - 1) / (numSteps - 1);
  switch (guidanceSchedule) {
    case 'constant':
      return guidanceScale;
    case 'linear':
      return guidanceScale * progress;
    case 'cosine':
      return (guidanceScale * (1 - Math.cos(Math.PI * progress))) / 2;
    case 'interval': {
      const [start, end] = options.guidanceInterval;
      return progress >= start && progress <= end ? guidanceScale : 0;
    }
    default:
      return guidanceSchedule satisfies never;
  }
}

/**
 * t of a guidance scale s in diffusers' convention, unconditional + s·(conditional − unconditional): s − 1. There s below 1
 * guides as little as 1 does: not at all.
 */
export function guidanceFromDiffusers(scale: number): number {
  return Math.max(0, scale - 1);
}
