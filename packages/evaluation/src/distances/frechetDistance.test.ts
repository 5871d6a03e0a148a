import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { frechetDistance, type Gaussian, gaussianFit } from './frechetDistance.js';

interface Golden {
  readonly d: number;
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly mean: readonly number[];
  readonly covariance: readonly number[];
  readonly distance: number;
}

// Made by test/fixtures/frechetGolden.py with numpy 2.
const golden = JSON.parse(
  readFileSync(new URL('../../test/fixtures/frechetGolden.json', import.meta.url), 'utf8'),
) as Golden[];

const gaussian = (mean: readonly number[], covariance: readonly number[]): Gaussian => ({
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(covariance),
});

test.each(golden)('fit and distance are those of numpy in $d dimensions', (expected) => {
  const { d } = expected;
  const first = gaussianFit(Float64Array.from(expected.first), d);
  const second = gaussianFit(Float64Array.from(expected.second), d);
  for (const [i, x] of expected.mean.entries()) expect(first.mean[i]).toBeCloseTo(x, 12);
  for (const [i, x] of expected.covariance.entries()) expect(first.covariance[i]).toBeCloseTo(x, 12);
  // Where covariances are singular, numpy's eigenvalues of 0 come out at 1e-16, and their roots at 1e-8.
  expect(frechetDistance(first, second)).toBeCloseTo(expected.distance, 5);
  expect(frechetDistance(second, first)).toBeCloseTo(expected.distance, 5);
});

test('in one dimension is (μ₁ − μ₂)² + (σ₁ − σ₂)²', () => {
  expect(frechetDistance(gaussian([1], [9]), gaussian([3], [25]))).toBeCloseTo(4 + 4, 12);
});

test('of covariances along the same axes is the sum of that', () => {
  const first = gaussian([0, 0], [4, 0, 0, 1]);
  const second = gaussian([0, 1], [9, 0, 0, 16]);
  expect(frechetDistance(first, second)).toBeCloseTo(1 + 1 + 9, 12);
});

test('tells correlations apart that means and variances do not', () => {
  // Both have variances 1; eigenvalues 1 ± 1/2 on swapped diagonals: 4 − 2·2·√(3/4)
  const [first, second] = [gaussian([0, 0], [1, 0.5, 0.5, 1]), gaussian([0, 0], [1, -0.5, -0.5, 1])];
  expect(frechetDistance(first, second)).toBeCloseTo(4 - 4 * Math.sqrt(0.75), 12);
});

test('of a distribution to itself is 0, also where its covariance is singular', () => {
  const points = gaussianFit(Float32Array.of(1, 2, 5, 4, 0, 3), 3);
  expect(frechetDistance(points, points)).toBeLessThan(1e-7);
});

test('fits by hand: points (0, 0), (2, 4), (4, 2)', () => {
  const { mean, covariance } = gaussianFit(Float32Array.of(0, 0, 2, 4, 4, 2), 2);
  expect([...mean]).toEqual([2, 2]);
  expect([...covariance]).toEqual([4, 2, 2, 4]);
});

test('refuses one row and other dimensions', () => {
  expect(() => gaussianFit(new Float32Array(5), 5)).toThrow('expected at least 2 rows of 5 features, got 5 values');
  expect(() => frechetDistance(gaussian([0], [1]), gaussian([0, 0], [1, 0, 0, 1]))).toThrow(
    'expected two distributions of 1 dimensions, got one of 2',
  );
});
