import { expect, test } from 'vitest';
import { proportion } from './proportion.js';

const answers = (right: number, n: number) => Array.from({ length: n }, (_, i) => i < right);

test.each([
  // The roots q of |right/n − q| = 1.959964·√(q(1 − q)/n), found by bisection.
  [8, 10, 0.490162, 0.943318],
  [0, 20, 0, 0.161125],
  [20, 20, 0.838875, 1],
  [350, 500, 0.658432, 0.738518],
])('%i of %i lies in Wilson’s interval', (right, n, low, high) => {
  const got = proportion(answers(right, n));
  expect([got.right, got.n, got.share]).toEqual([right, n, right / n]);
  expect(got.low).toBeCloseTo(low, 5);
  expect(got.high).toBeCloseTo(high, 5);
});

test('of no answers nothing is known', () => {
  expect(proportion([])).toEqual({ right: 0, n: 0, share: Number.NaN, low: 0, high: 1 });
});
