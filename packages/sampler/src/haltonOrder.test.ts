import { describe, expect, it } from 'vitest';
import { haltonOrder } from './haltonOrder.js';

describe('haltonOrder', () => {
  it('begins where the Halton sequence of bases 2 and 3 does', () => {
    // Elements 1 … 6: (1/2, 1/3) (1/4, 2/3) (3/4, 1/9) (1/8, 4/9) (5/8, 7/9) (3/8, 2/9); on 8 rows × 9 columns these are
    // exact: rows 4 2 6 1 5 3, columns 3 6 1 4 7 2.
    const expected = [4 * 9 + 3, 2 * 9 + 6, 6 * 9 + 1, 1 * 9 + 4, 5 * 9 + 7, 3 * 9 + 2];
    expect([...haltonOrder([8, 9]).subarray(0, 6)]).toEqual(expected);
  });

  it.each([
    [1, 1],
    [1, 13],
    [11, 1],
    [3, 7],
    [16, 16],
    [64, 64],
  ])('visits each cell of a %i × %i grid once', (height, width) => {
    const order = haltonOrder([height, width]);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: height * width }, (_, i) => i));
  });

  it('covers every 4 × 4 quarter of a 16 × 16 grid early', () => {
    const first = haltonOrder([16, 16]).subarray(0, 32);
    const blocks = new Set([...first].map((p) => Math.floor(p / 64) * 4 + Math.floor((p % 16) / 4)));
    expect(blocks.size).toBe(16);
  });
});
