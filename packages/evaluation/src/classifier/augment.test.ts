import { describe, expect, test } from 'vitest';
import { Augmenter, blur } from './augment.js';

const side = 7;
const gray = (level: number) => new Float32Array(side * side * 3).fill(level);
const nothing = { noise: 0, blurPasses: 0, colour: 0 };

function changed(augmenter: Augmenter, index: number, picture = gray(0.5)): Float32Array {
  augmenter.apply(picture, side, index);
  return picture;
}

describe('blur', () => {
  test('spreads a point over nine pixels, in its own channel', () => {
    const picture = gray(0);
    picture[(3 * side + 2) * 3 + 1] = 1;
    blur(picture, side, 0.25);
    const at = (x: number, y: number) => [...picture.subarray((y * side + x) * 3, (y * side + x) * 3 + 3)];
    expect(at(2, 3)).toEqual([0, 0.25, 0]);
    for (const [x, y] of [
      [1, 3],
      [3, 3],
      [2, 2],
      [2, 4],
    ] as const)
      expect(at(x, y)).toEqual([0, 0.125, 0]);
    for (const [x, y] of [
      [1, 2],
      [3, 2],
      [1, 4],
      [3, 4],
    ] as const)
      expect(at(x, y)).toEqual([0, 0.0625, 0]);
    expect(picture.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
  });

  test('leaves an even picture even, to the edge', () => {
    const picture = gray(0.5);
    blur(picture, side, 0.25);
    expect(picture).toEqual(gray(0.5));
  });
});

describe('the augmenter', () => {
  test('gives picture and index the same change each time, and another index another', () => {
    const [a, b] = [new Augmenter(3), new Augmenter(3)];
    expect(changed(a, 5)).toEqual(changed(b, 5));
    expect(changed(a, 5)).not.toEqual(changed(a, 6));
    expect(changed(a, 5)).not.toEqual(changed(new Augmenter(4), 5));
  });

  test('changes nothing when it may not', () => {
    const ramp = Float32Array.from({ length: side * side * 3 }, (_, i) => i / (side * side * 3));
    expect(changed(new Augmenter(1, nothing), 0, ramp.slice())).toEqual(ramp);
  });

  test('keeps values in [0, 1], and black and white near where they were', () => {
    const augmenter = new Augmenter(2, { ...nothing, colour: 0.1 });
    for (let index = 0; index < 200; index++) {
      for (const level of [0, 0.5, 1]) {
        for (const value of changed(augmenter, index, gray(level))) {
          expect(value >= 0 && value <= 1).toBe(true);
          // gain within ±0.1 of the level, offset within ±0.05
          expect(Math.abs(value - level)).toBeLessThanOrEqual(0.1 * level + 0.05 + 1e-6);
        }
      }
    }
  });

  test('adds noise of mean 0 and at most the deviation asked for', () => {
    const augmenter = new Augmenter(2, { ...nothing, noise: 0.05 });
    const large = new Float32Array(64 * 64 * 3).fill(0.5);
    const deviations = Array.from({ length: 40 }, (_, index) => {
      const picture = large.slice();
      augmenter.apply(picture, 64, index);
      const mean = picture.reduce((sum, x) => sum + x, 0) / picture.length;
      // The mean of 12,288 draws of deviation 0.05 has a deviation of 0.00045.
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.0025);
      return Math.sqrt(picture.reduce((sum, x) => sum + (x - mean) ** 2, 0) / picture.length);
    });
    expect(Math.max(...deviations)).toBeLessThan(0.052);
    expect(Math.max(...deviations)).toBeGreaterThan(0.025);
  });
});
