import { ImageError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { noise, opaqueNoise, pixel } from '../../test/pictures.js';
import { type RgbaImage, resize, resizeRegion } from '../index.js';

/** An opaque grey image of rows of values. */
function grey(...rows: number[][]): RgbaImage {
  const values = rows.flat();
  const data = Uint8ClampedArray.from({ length: 4 * values.length }, (_, i) => (i % 4 === 3 ? 255 : values[i >> 2]!));
  return { width: rows[0]!.length, height: rows.length, data };
}

const reds = ({ data }: RgbaImage) => [...data].filter((_, i) => i % 4 === 0);

describe('resize', () => {
  it('gives the same bytes at the same size', () => {
    const image = opaqueNoise(1, 13, 7);
    expect(resize(image, 13, 7)).toEqual(image);
  });

  it('shrinks by the mean of the area under each pixel, also where edges do not meet', () => {
    expect(reds(resize(grey([0, 100, 200, 50]), 2, 1))).toEqual([50, 125]);
    expect(reds(resize(grey([0, 100], [20, 40]), 1, 1))).toEqual([40]);
    // 3 pixels to 2: [a + b/2, b/2 + c] / 1.5.
    expect(reds(resize(grey([30, 60, 120]), 2, 1))).toEqual([40, 100]);
  });

  it('grows by the Catmull-Rom cubic', () => {
    // At −1/4 and 1/4 between the two pixels, edges repeated: weights of |x| = 3/4, 1/4, 5/4, 7/4.
    const weight = (x: number) => (x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2);
    const first = 100 * (weight(0.25) + weight(0.75) + weight(1.75)) + 200 * weight(1.25);
    const second = 100 * (weight(0.25) + weight(1.25)) + 200 * (weight(0.75) + weight(1.75));
    expect(reds(resize(grey([100, 200]), 4, 1))).toEqual(
      [first, second, 300 - second, 300 - first].map((value) => Math.floor(value + 0.5)),
    );
  });

  it.each([
    [5, 3],
    [64, 1],
    [7, 29],
    [200, 150],
  ])('keeps a plain image plain at %i × %i', (width, height) => {
    const plain = grey(...Array.from({ length: 11 }, () => new Array<number>(17).fill(99)));
    const { data } = resize(plain, width, height);
    expect(new Set(data)).toEqual(new Set([99, 255]));
    expect(data).toHaveLength(4 * width * height);
  });

  it('weights colours by their alpha, so that what is transparent does not bleed', () => {
    const image = { width: 2, height: 1, data: Uint8ClampedArray.of(200, 0, 0, 255, 0, 250, 0, 0) };
    expect(pixel(resize(image, 1, 1), 0, 0)).toEqual([200, 0, 0, 128]);
  });

  it('refuses what is no image', () => {
    expect(() => resize({ width: 2, height: 2, data: new Uint8ClampedArray(15) }, 1, 1)).toThrow(ImageError);
    const wide = { width: 40_000, height: 1, data: new Uint8ClampedArray(160_000) };
    expect(() => resize(wide, 1, 1)).toThrow('at most 32766 pixels a side, got one of 40000 × 1');
  });
});

describe('resizeRegion', () => {
  const image = noise(2, 19, 11);

  it('cuts out a part of an image', () => {
    const part = resizeRegion(opaqueNoise(2, 19, 11), { x: 3, y: 2, width: 5, height: 7 }, 5, 7);
    const whole = opaqueNoise(2, 19, 11);
    for (const [x, y] of [
      [0, 0],
      [4, 6],
      [2, 5],
    ] as const) {
      expect(pixel(part, x, y)).toEqual(pixel(whole, x + 3, y + 2));
    }
  });

  it('repeats the edge beyond the image', () => {
    const opaque = opaqueNoise(2, 19, 11);
    const beyond = resizeRegion(opaque, { x: -4, y: -3, width: 30, height: 20 }, 30, 20);
    expect(pixel(beyond, 0, 0)).toEqual(pixel(opaque, 0, 0));
    expect(pixel(beyond, 29, 8)).toEqual(pixel(opaque, 18, 5));
    expect(pixel(beyond, 10, 19)).toEqual(pixel(opaque, 6, 10));
  });

  it('is resize for the whole', () => {
    const whole = { x: 0, y: 0, width: 19, height: 11 };
    expect(resizeRegion(image, whole, 8, 23)).toEqual(resize(image, 8, 23));
  });
});
