import { describe, expect, it } from 'vitest';
import { drawWeightedRows } from './weightedRows.js';

const stream = (seed: number) => ({ seed, stage: 3 });

describe('drawWeightedRows', () => {
  it('draws each row at most once and none of weight 0', () => {
    const weights = [0, 2, 0, 1, 5, 0, 0.5];
    for (let seed = 0; seed < 50; seed++) {
      const rows = [...drawWeightedRows(weights, 7, stream(seed))].sort();
      expect(rows).toEqual([1, 3, 4, 6]);
    }
  });

  it('draws in proportion to the weights', () => {
    const numDraws = 20_000;
    const counts = [0, 0, 0];
    for (let seed = 0; seed < numDraws; seed++) counts[drawWeightedRows([1, 3, 6], 1, stream(seed))[0]!]!++;
    // Four standard deviations of a binomial with p = 0.6 are 0.014.
    for (const [row, share] of [0.1, 0.3, 0.6].entries()) {
      expect(Math.abs(counts[row]! / numDraws - share)).toBeLessThan(0.014);
    }
  });

  it('repeats itself for the same stream only', () => {
    const weights = Array.from({ length: 97 }, (_, i) => i);
    const first = [...drawWeightedRows(weights, 11, stream(5))];
    expect([...drawWeightedRows(weights, 11, stream(5))]).toEqual(first);
    expect([...drawWeightedRows(weights, 11, stream(6))]).not.toEqual(first);
  });
});
