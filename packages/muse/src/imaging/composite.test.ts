import { describe, expect, it } from 'vitest';
import { changedOutside, noise, opaqueNoise, pixel, someMask } from '../../test/pictures.js';
import { composite, type MaskImage, maskFromBox, type RgbaImage } from '../index.js';
import { fillMasked } from './composite.js';
import { indexOf, nearestKnown } from './nearestKnown.js';

const copy = (image: RgbaImage) => ({ ...image, data: image.data.slice() });
const wholeOf = ({ width, height }: RgbaImage) => ({ x: 0, y: 0, width, height });

/** Distance to the nearest known pixel, by looking at all of them. */
function slowDistance({ width, data }: MaskImage, x: number, y: number): number {
  let least = Number.POSITIVE_INFINITY;
  data.forEach((value, i) => {
    if (value === 0) least = Math.min(least, Math.hypot((i % width) - x, Math.floor(i / width) - y));
  });
  return least;
}

describe('nearestKnown', () => {
  it.each([0, 1, 2, 3, 5, 6, 7, 8])('finds the nearest known pixel of every masked one (%i)', (seed) => {
    const mask = someMask(seed, 23, 17);
    const near = nearestKnown(mask)!;
    const { dx, dy } = near;
    for (let y = 0; y < 17; y++) {
      for (let x = 0; x < 23; x++) {
        if (mask.data[y * 23 + x] === 0) continue;
        const at = indexOf(near, x, y);
        expect(mask.data[(y + dy[at]!) * 23 + x + dx[at]!]).toBe(0);
        expect(Math.hypot(dx[at]!, dy[at]!)).toBeCloseTo(slowDistance(mask, x, y), 9);
      }
    }
  });

  it('has nothing to say when all is masked, or nothing', () => {
    expect(nearestKnown({ width: 3, height: 2, data: new Uint8Array(6).fill(1) })).toBeUndefined();
    expect(nearestKnown({ width: 3, height: 2, data: new Uint8Array(6) })).toBeUndefined();
  });
});

describe('fillMasked', () => {
  it('repeats the nearest known pixels into the mask', () => {
    const image = opaqueNoise(1, 5, 1);
    const filled = copy(image);
    fillMasked(filled, nearestKnown(maskFromBox({ x: 1, y: 0, width: 4, height: 1 }, image)));
    for (const x of [0, 1, 4]) expect(pixel(filled, x, 0)).toEqual(pixel(image, 0, 0));
  });
});

describe('composite', () => {
  it.each([0, 1, 2, 3, 4, 5])('leaves what is not masked, takes what is deep inside from the picture (%i)', (seed) => {
    const canvas = noise(seed, 31, 23);
    const picture = opaqueNoise(seed + 50, 31, 23);
    const mask = someMask(seed, 31, 23);
    const painted = copy(canvas);
    composite(painted, picture, mask, { region: wholeOf(canvas), seamWidth: 2 });
    expect(changedOutside(canvas, painted, mask)).toEqual([]);
    for (let y = 0; y < 23; y++) {
      for (let x = 0; x < 31; x++) {
        const isDeep = mask.data[y * 31 + x] !== 0 && slowDistance(mask, x, y) >= 3;
        if (isDeep) expect(pixel(painted, x, y)).toEqual(pixel(picture, x, y));
      }
    }
  });

  it('blends along the seam in equal steps', () => {
    const plain = (value: number): RgbaImage => ({
      width: 7,
      height: 1,
      data: Uint8ClampedArray.from({ length: 28 }, (_, i) => (i % 4 === 3 ? 255 : value)),
    });
    const canvas = plain(0);
    const mask = maskFromBox({ x: 1, y: 0, width: 6, height: 1 }, canvas);
    composite(canvas, plain(120), mask, { region: wholeOf(canvas), seamWidth: 3 });
    expect([...canvas.data].filter((_, i) => i % 4 === 0)).toEqual([0, 30, 60, 90, 120, 120, 120]);
  });

  it('has no seam without a known pixel, and paints where the region lies', () => {
    const canvas = copy(opaqueNoise(1, 6, 5));
    const before = copy(canvas);
    const picture = opaqueNoise(2, 4, 4);
    const full = { width: 6, height: 5, data: new Uint8Array(30).fill(1) };
    composite(canvas, picture, full, { region: { x: 3, y: -1, width: 4, height: 4 }, seamWidth: 9 });
    expect(pixel(canvas, 3, 0)).toEqual(pixel(picture, 0, 1));
    expect(pixel(canvas, 5, 2)).toEqual(pixel(picture, 2, 3));
    expect(pixel(canvas, 2, 0)).toEqual(pixel(before, 2, 0));
    expect(pixel(canvas, 3, 3)).toEqual(pixel(before, 3, 3));
  });

  it('weights colours by their alpha', () => {
    const canvas = { width: 2, height: 1, data: Uint8ClampedArray.of(9, 9, 9, 255, 0, 250, 0, 0) };
    const picture = { width: 2, height: 1, data: Uint8ClampedArray.of(0, 0, 0, 255, 200, 0, 0, 255) };
    const mask = { width: 2, height: 1, data: Uint8Array.of(0, 1) };
    composite(canvas, picture, mask, { region: wholeOf(canvas), seamWidth: 1 });
    // Half of the picture over half of nothing.
    expect([...canvas.data]).toEqual([9, 9, 9, 255, 200, 0, 0, 128]);
  });
});
