/** A share of n answers that are right, with Wilson's 95 % interval. */
export interface Proportion {
  readonly right: number;
  readonly n: number;
  /** right / n; NaN when n is 0. */
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** Standard normal quantile of 0.975. */
const Z = 1.959963984540054;

/**
 * Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22: unlike p ± z·σ it stays
 * within [0, 1] and holds for few answers.
 */
export function proportion(answers: readonly boolean[]): Proportion {
  const n = answers.length;
  const right = answers.filter(Boolean).length;
  if (n === 0) return { right, n, share: Number.NaN, low: 0, high: 1 };
  const share = right / n;
  const scale = 1 + Z ** 2 / n;
  const centre = (share + Z ** 2 / (2 * n)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / n + Z ** 2 / (4 * n ** 2));
  return { right, n, share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
