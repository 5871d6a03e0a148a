import { ShapeError } from '@muse/backend';
import { symmetricEigen, symmetricSqrt } from './symmetricEigen.js';

/** A normal distribution. */
export interface Gaussian {
  /** f64 [d] */
  readonly mean: Float64Array;
  /** f64 [d · d], symmetric */
  readonly covariance: Float64Array;
}

/**
 * The normal distribution with the mean and the covariance (divided by n − 1) of n feature vectors.
 *
 * @param features [n · d], row by row
 * @throws ShapeError when they are not at least two rows of d
 */
export function gaussianFit(features: Float32Array | Float64Array, d: number): Gaussian {
  const n = features.length / d;
  if (!Number.isInteger(n) || n < 2) {
    const place = { package: 'evaluation', in: 'gaussianFit' };
    throw new ShapeError(place, `expected at least 2 rows of ${d} features, got ${features.length} values`);
  }
  const mean = new Float64Array(d);
  for (let i = 0; i < features.length; i++) mean[i % d]! += features[i]! / n;
  const covariance = new Float64Array(d * d);
  const centred = new Float64Array(d);
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < d; i++) centred[i] = features[row * d + i]! - mean[i]!;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) covariance[i * d + j]! += (centred[i]! * centred[j]!) / (n - 1);
    }
  }
  return { mean, covariance };
}

/**
 * Fréchet distance of two normal distributions (Dowson & Landau 1982), squared as FID is (Heusel et al. 2017,
 * arXiv 1706.08500): |μ₁ − μ₂|² + tr(C₁ + C₂ − 2·(C₁C₂)^½).
 *
 * C₁C₂ is not symmetric, but has the eigenvalues of C₁^½·C₂·C₁^½, which is; so the trace of the root is the sum of their
 * roots, and no general matrix square root is needed. Covariances may be singular.
 *
 * @returns at least 0
 * @throws ShapeError for distributions of different dimensions
 */
export function frechetDistance(first: Gaussian, second: Gaussian): number {
  const d = first.mean.length;
  if (second.mean.length !== d) {
    const place = { package: 'evaluation', in: 'frechetDistance' };
    throw new ShapeError(place, `expected two distributions of ${d} dimensions, got one of ${second.mean.length}`);
  }
  const root = symmetricSqrt(first.covariance);
  const inner = matMul(matMul(root, second.covariance, d), root, d);
  let distance = 0;
  for (let i = 0; i < d; i++) {
    distance += (first.mean[i]! - second.mean[i]!) ** 2;
    distance += first.covariance[i * d + i]! + second.covariance[i * d + i]!;
  }
  for (const value of symmetricEigen(inner).values) distance -= 2 * Math.sqrt(Math.max(value, 0));
  return Math.max(distance, 0);
}

function matMul(a: Float64Array, b: Float64Array, d: number): Float64Array {
  const product = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < d; k++) {
      const aik = a[i * d + k]!;
      for (let j = 0; j < d; j++) product[i * d + j]! += aik * b[k * d + j]!;
    }
  }
  return product;
}
