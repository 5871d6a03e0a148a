/**
 * Mask schedules γ: the share of the tokens masked at the start that is still masked after the share r of the steps.
 * Each falls from γ(0) = 1 to γ(1) = 0. Chang et al. 2022 (MaskGIT), section 3.3; `arccos`: Besnier et al. 2025.
 */
export const maskSchedules = ['cosine', 'linear', 'square', 'cubic', 'root', 'arccos'] as const;
export type MaskSchedule = (typeof maskSchedules)[number];

/** γ(r). @param ratio r in [0, 1] */
export function maskRatio(schedule: MaskSchedule, ratio: number): number {
  // cos(π/2) and its like are not zero at f64.
  if (ratio >= 1) return 0;
  switch (schedule) {
    case 'cosine':
      return Math.cos((Math.PI / 2) * ratio);
    case 'linear':
      return 1 - ratio;
    case 'square':
      return 1 - ratio ** 2;
    case 'cubic':
      return 1 - ratio ** 3;
    case 'root':
      return 1 - Math.sqrt(ratio);
    case 'arccos':
      return (2 / Math.PI) * Math.acos(ratio);
    default:
      return schedule satisfies never;
  }
}

/**
 * Room for the rounding of γ, which lies within some 1e-16 of its true value: n·γ that is an integer on paper may come
 * out just below it (10 · (1 − 9/10) = 0.999…).
 */
const ROUNDING = 1e-14;

/**
 * How many of `numMasked` tokens stay masked after a step: exactly ⌊n₀·γ(k/N)⌋. Unlike MaskGIT and diffusers, nothing
 * is clamped to at least one: a schedule may finish an image early, and a step may decide nothing.
 *
 * @param numMasked n₀, those masked at the start
 * @param step k in 1 … numSteps
 */
export function numMaskedAfter(schedule: MaskSchedule, numMasked: number, step: number, numSteps: number): number {
  return Math.floor(numMasked * (maskRatio(schedule, step / numSteps) + ROUNDING));
}
