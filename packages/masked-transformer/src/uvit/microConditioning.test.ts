import { expect, it } from 'vitest';
import { sinusoids } from './microConditioning.js';

it('has the cosines of each number first, then the sines, slower and slower', () => {
  const values = [
    ...sinusoids(
      [
        [0, 2],
        [Math.PI, 1],
      ],
      4,
    ),
  ];
  // ω = 1 and 10000^(−1/2) = 0.01
  const expected = [
    [1, 1, 0, 0],
    [Math.cos(2), Math.cos(0.02), Math.sin(2), Math.sin(0.02)],
    [-1, Math.cos(0.01 * Math.PI), 0, Math.sin(0.01 * Math.PI)],
    [Math.cos(1), Math.cos(0.01), Math.sin(1), Math.sin(0.01)],
  ].flat();
  expect(values).toHaveLength(expected.length);
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 6);
  });
});
