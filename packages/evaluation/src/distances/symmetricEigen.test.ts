import { readFileSync } from 'node:fs';
import { normal } from '@muse/backend';
import { expect, test } from 'vitest';
import { symmetricEigen, symmetricSqrt } from './symmetricEigen.js';

// Made by test/fixtures/frechetGolden.py with numpy 2.
const golden = JSON.parse(readFileSync(new URL('../../test/fixtures/frechetGolden.json', import.meta.url), 'utf8')) as {
  readonly d: number;
  readonly covariance: readonly number[];
  readonly eigenvalues: readonly number[];
}[];

const sorted = (values: Float64Array) => [...values].sort((a, b) => a - b);

test('finds the eigenvalues 1 and 3 of [[2, 1], [1, 2]], along the diagonals', () => {
  const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2));
  const half = Math.SQRT1_2;
  for (const [i, value] of values.entries()) {
    const [x, y] = vectors.subarray(2 * i, 2 * i + 2) as unknown as [number, number];
    const expected = value > 2 ? [3, half] : [1, -half];
    expect(value).toBeCloseTo(expected[0]!, 14);
    expect(x * y).toBeCloseTo(Math.sign(expected[1]!) * 0.5, 14);
    expect(x * x + y * y).toBeCloseTo(1, 14);
  }
});

test('leaves a diagonal as it is', () => {
  const { values, vectors } = symmetricEigen(Float64Array.of(5, 0, 0, 0, -2, 0, 0, 0, 0));
  expect([...values]).toEqual([5, -2, 0]);
  expect([...vectors]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
});

test.each(golden)('gives the eigenvalues of numpy in $d dimensions', ({ covariance, eigenvalues }) => {
  const { values } = symmetricEigen(Float64Array.from(covariance));
  const largest = Math.max(...eigenvalues);
  for (const [i, value] of sorted(values).entries()) {
    expect(Math.abs(value - eigenvalues[i]!)).toBeLessThan(1e-13 * largest);
  }
});

test('gives vectors at right angles that put the matrix together again, in 37 dimensions', () => {
  const d = 37;
  const draws = normal({ seed: 3, stage: 1 }, d * d);
  const matrix = new Float64Array(d * d);
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) matrix[i * d + j] = draws[i * d + j]! + draws[j * d + i]!;
  const { values, vectors } = symmetricEigen(matrix);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      let [dot, entry] = [0, 0];
      for (let k = 0; k < d; k++) {
        dot += vectors[i * d + k]! * vectors[j * d + k]!;
        entry += values[k]! * vectors[k * d + i]! * vectors[k * d + j]!;
      }
      expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThan(1e-13);
      expect(Math.abs(entry - matrix[i * d + j]!)).toBeLessThan(1e-12);
    }
  }
});

test('the square root of [[5, 4], [4, 5]] is [[2, 1], [1, 2]]', () => {
  const root = symmetricSqrt(Float64Array.of(5, 4, 4, 5));
  for (const [i, expected] of [2, 1, 1, 2].entries()) expect(root[i]).toBeCloseTo(expected, 14);
});

test('the square root of a singular matrix has its null space', () => {
  // 4·vvᵀ with v = (3, 4)/5, so 2·vvᵀ
  const root = symmetricSqrt(Float64Array.of(36, 48, 48, 64).map((x) => x / 25));
  for (const [i, expected] of [18, 24, 24, 32].entries()) expect(root[i]).toBeCloseTo(expected / 25, 7);
});

test('refuses what is not square or not finite', () => {
  expect(() => symmetricEigen(new Float64Array(5))).toThrow('expected d · d values, got 5');
  expect(() => symmetricEigen(Float64Array.of(1, Number.NaN, 0, 1))).toThrow('expected finite values');
});
