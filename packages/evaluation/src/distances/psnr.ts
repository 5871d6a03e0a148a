/** A perfect copy would have an infinite PSNR, and with it the mean: 100 dB at most. */
const LEAST_ERROR = 1e-10;

/** PSNR over [0, 1] in dB: −10·log₁₀(mean squared error). */
export function psnrOf(meanSquaredError: number): number {
  return -10 * Math.log10(Math.max(meanSquaredError, LEAST_ERROR));
}

/** Mean of (aᵢ − bᵢ)². */
export function meanSquaredError(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** How near pictures are to others. */
export interface PsnrSummary {
  /** Mean over the images of each image's PSNR in dB; an image's error counts as at least 10⁻¹⁰. */
  readonly meanPsnr: number;
  /** PSNR in dB of the mean squared error over all images: lower, as the worst images weigh most. */
  readonly psnrOfMean: number;
  /** Mean squared error over all values in [0, 1]. */
  readonly meanSquaredError: number;
}

/** @param errors mean squared error of each image */
export function summarizePsnr(errors: readonly number[]): PsnrSummary {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const meanSquaredError = mean(errors);
  return { meanPsnr: mean(errors.map(psnrOf)), psnrOfMean: psnrOf(meanSquaredError), meanSquaredError };
}
