import { describe, expect, it } from 'vitest';
import { cropResize, toPixelImage } from './cropResize.js';

const grey = (width: number, height: number, values: number[]) =>
  toPixelImage(
    width,
    height,
    1,
    values.map((value) => value * 255),
  );
const reds = (image: Float32Array) => Array.from(image).filter((_, i) => i % 3 === 0);

describe('cropResize', () => {
  it('takes the mean of the pixels under each output pixel', () => {
    const image = grey(4, 4, [0, 1, 0.5, 0.5, 1, 0, 0.5, 0.5, 0, 0, 1, 1, 0, 0, 1, 0]);
    expect(reds(cropResize(image, 2))).toEqual([0.5, 0.5, 0, 0.75]);
  });

  it('cuts the middle square of a wide image', () => {
    expect(
      reds(
        cropResize(
          grey(
            4,
            2,
            [9, 0, 1, 9, 9, 0.25, 0.5, 9].map((x) => x / 9),
          ),
          2,
        ),
      ).map((x) => x * 9),
    ).toEqual([expect.closeTo(0, 5), expect.closeTo(1, 5), expect.closeTo(0.25, 5), expect.closeTo(0.5, 5)]);
  });

  it('weights pixels that are covered in part by their share', () => {
    // Three columns to two: the middle one is half under each.
    const rows = [0, 1, 0.5, 0, 1, 0.5, 0, 1, 0.5];
    expect(reds(cropResize(grey(3, 3, rows), 2)).map((x) => Number(x.toFixed(4)))).toEqual([
      0.3333, 0.6667, 0.3333, 0.6667,
    ]);
  });

  it('repeats pixels when it enlarges, and leaves an image of the right size as it is', () => {
    expect(reds(cropResize(grey(1, 1, [0.2]), 2)).map((x) => Number(x.toFixed(6)))).toEqual([0.2, 0.2, 0.2, 0.2]);
    expect(reds(cropResize(grey(2, 2, [0, 1, 1, 0]), 2))).toEqual([0, 1, 1, 0]);
  });
});

describe('toPixelImage', () => {
  it('lays what is transparent on white', () => {
    const { data } = toPixelImage(2, 1, 4, [255, 0, 0, 255, 0, 0, 0, 51]);
    expect([...data].map((x) => Number(x.toFixed(6)))).toEqual([1, 0, 0, 0.8, 0.8, 0.8]);
  });
});
