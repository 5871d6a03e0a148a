import { ImageError } from '@muse/backend';
import { decodePng } from '@muse/muse';
import { describe, expect, it } from 'vitest';
import { imageGrid, splitImages } from './imageGrid.js';

describe('imageGrid', () => {
  const plain = (value: number) => new Float32Array(2 * 3 * 3).fill(value);

  it('places images row by row with white gaps, clipped to [0, 1]', () => {
    const { width, height, png } = imageGrid([plain(0), plain(0.5), plain(-7)], [2, 3], 2);
    expect([width, height]).toEqual([3 + 2 + 3, 2 + 2 + 2]);
    const { data } = decodePng(png);
    const red = Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => data[(y * width + x) * 4]),
    );
    const filled = [0, 0, 0, 255, 255, 128, 128, 128];
    const empty = [255, 255, 255, 255, 255, 255, 255, 255];
    const last = [0, 0, 0, 255, 255, 255, 255, 255];
    expect(red).toEqual([filled, filled, empty, empty, last, last]);
  });

  it('refuses images of another size', () => {
    expect(() => imageGrid([plain(0), new Float32Array(5)], [2, 3], 2)).toThrow(ImageError);
    expect(() => imageGrid([], [2, 3], 2)).toThrow('got none');
  });

  it('splits a batch into its images', () => {
    expect(splitImages(Float32Array.of(1, 2, 3, 4, 5, 6), 2).map((image) => [...image])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });
});
