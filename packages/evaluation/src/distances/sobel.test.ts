import { expect, test } from 'vitest';
import { meanSquaredError, psnrOf, summarizePsnr } from './psnr.js';
import { sobelMagnitude } from './sobel.js';

/** One gray for each pixel, in all channels. */
const gray = (...values: number[]) => Float32Array.from(values.flatMap((x) => [x, x, x]));
const red = (pixels: Float32Array) => [...pixels].filter((_, i) => i % 3 === 0);

test('a step along an axis has magnitude 1 on both sides, an even picture none', () => {
  expect(red(sobelMagnitude(gray(...[0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]), 4))).toEqual(
    [0, 1, 1, 0].concat([0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]),
  );
  expect(Math.max(...sobelMagnitude(gray(...new Array<number>(9).fill(0.7)), 3))).toBe(0);
});

test('a point shows around it and not on it', () => {
  // Beside it gx or gy is 2, at its corners both are 1.
  const corner = Math.SQRT2 / 4;
  const edges = red(sobelMagnitude(gray(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 5));
  const inner = [6, 7, 8, 11, 12, 13, 16, 17, 18].map((i) => edges[i]!);
  for (const [i, x] of [corner, 0.5, corner, 0.5, 0, 0.5, corner, 0.5, corner].entries()) {
    expect(inner[i]).toBeCloseTo(x, 6);
  }
  expect(edges[0]).toBe(0);
});

test('channels are by themselves', () => {
  const pixels = Float32Array.of(0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0);
  expect([...sobelMagnitude(pixels, 2)]).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
});

test('PSNR of an error of 0.1 is 20 dB, of none 100 dB', () => {
  expect(psnrOf(meanSquaredError(Float32Array.of(0.5, 0.25), Float32Array.of(0.4, 0.35)))).toBeCloseTo(20, 5);
  expect(psnrOf(0)).toBeCloseTo(100, 10);
});

test('the mean of PSNRs and the PSNR of the mean differ as the worst weigh', () => {
  const summary = summarizePsnr([0.01, 0.0001]);
  expect(summary.meanPsnr).toBeCloseTo(30, 10);
  expect(summary.meanSquaredError).toBeCloseTo(0.00505, 10);
  expect(summary.psnrOfMean).toBeCloseTo(-10 * Math.log10(0.00505), 10);
});
