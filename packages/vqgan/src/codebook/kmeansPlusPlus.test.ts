import { describe, expect, it } from 'vitest';
import { kmeansPlusPlus } from './kmeansPlusPlus.js';

const pairs = (codes: Float32Array) =>
  Array.from({ length: codes.length / 2 }, (_, i) => [...codes.subarray(2 * i, 2 * i + 2)]);

describe('kmeansPlusPlus', () => {
  it('takes one code from each of three far clusters', () => {
    const rows = Float32Array.from([0, 0, 0.1, 0, 0, 0.1, 50, 0, 50.1, 0, 0, 50, 0.1, 50, 0, 50.1]);
    for (let seed = 0; seed < 20; seed++) {
      const codes = pairs(kmeansPlusPlus(rows, 2, 3, { seed, stage: 1 }));
      const clusters = codes.map(([x, y]) => (x! > 25 ? 'right' : y! > 25 ? 'top' : 'origin')).sort();
      expect(clusters).toEqual(['origin', 'right', 'top']);
    }
  });

  it('takes every distinct row before it repeats one', () => {
    const rows = Float32Array.from([1, 2, 3, 5, 1, 2, 7, 11, 3, 5, 3, 5]);
    const codes = pairs(kmeansPlusPlus(rows, 2, 3, { seed: 9, stage: 1 }))
      .map(String)
      .sort();
    expect(codes).toEqual(['1,2', '3,5', '7,11']);
  });

  it('fills a codebook larger than the rows with different copies close to them', () => {
    const rows = Float32Array.from([0, 0, 8, 8]);
    const codes = pairs(kmeansPlusPlus(rows, 2, 13, { seed: 9, stage: 1 }));
    expect(new Set(codes.map(String)).size).toBe(13);
    for (const [x, y] of codes) {
      // The spread of the rows is 4, so 1% of it is 0.04; five standard deviations.
      const nearest = x! < 4 ? 0 : 8;
      expect(Math.max(Math.abs(x! - nearest), Math.abs(y! - nearest))).toBeLessThan(0.2);
    }
  });

  it('repeats itself for the same seed only', () => {
    const rows = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i * i));
    const first = [...kmeansPlusPlus(rows, 2, 7, { seed: 1, stage: 1 })];
    expect([...kmeansPlusPlus(rows, 2, 7, { seed: 1, stage: 1 })]).toEqual(first);
    expect([...kmeansPlusPlus(rows, 2, 7, { seed: 2, stage: 1 })]).not.toEqual(first);
  });
});
