import { expect, test } from 'vitest';
import { toPicture } from './toPicture.js';

test('takes values of the right size as they are', () => {
  const pixels = Float32Array.from({ length: 3 * 3 * 3 }, (_, i) => i / 27);
  expect(toPicture(pixels, 3)).toBe(pixels);
});

test('takes RGBA, white under what is transparent', () => {
  const data = Uint8ClampedArray.of(255, 0, 51, 255, 0, 0, 0, 0, 0, 255, 0, 51, 102, 102, 102, 255);
  const expected = [1, 0, 0.2, 1, 1, 1, 0.8, 1, 0.8, 0.4, 0.4, 0.4];
  const pixels = toPicture({ width: 2, height: 2, data }, 2);
  for (const [i, value] of expected.entries()) expect(pixels[i]).toBeCloseTo(value, 6);
});

test('reduces a larger picture to means of squares', () => {
  // 4 × 4, red the number of the pixel, green constant
  const pixels = Float32Array.from({ length: 48 }, (_, i) => [Math.floor(i / 3), 1, 0][i % 3]!);
  const reds = [2.5, 4.5, 10.5, 12.5]; // (0 + 1 + 4 + 5) / 4, …
  expect([...toPicture(pixels, 2)]).toEqual(reds.flatMap((red) => [red, 1, 0]));
});

test.each([
  [new Float32Array(5 * 5 * 3), 'expected a square picture of 2 pixels or a multiple, got 75 values'],
  [new Float32Array(0), 'got 0 values'],
  [
    { width: 2, height: 4, data: new Uint8ClampedArray(32) },
    'expected a square RGBA picture, got 2 × 4 with 32 values',
  ],
  [
    { width: 2, height: 2, data: new Uint8ClampedArray(12) },
    'expected a square RGBA picture, got 2 × 2 with 12 values',
  ],
])('refuses another size', (picture, message) => {
  expect(() => toPicture(picture, 2)).toThrow(message);
});
