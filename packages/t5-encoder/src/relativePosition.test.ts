import { readFileSync } from 'node:fs';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { relativePositionBuckets } from './relativePosition.js';

/** PyTorch's, for 600 tokens: internal/fixtures/python/t5_gradients.py. */
const goldens: { numBuckets: number; maxDistance: number; row: number[]; lastRow: number[] }[] = JSON.parse(
  readFileSync(fixturePath('t5/t5-gradients/buckets.json'), 'utf8'),
);

describe('relativePositionBuckets', () => {
  it.each(goldens)(
    'equals PyTorch at $numBuckets buckets up to $maxDistance',
    ({ numBuckets, maxDistance, row, lastRow }) => {
      const buckets = relativePositionBuckets(600, numBuckets, maxDistance);
      expect(Array.from(buckets.subarray(0, 600))).toEqual(row);
      expect(Array.from(buckets.subarray(599 * 600))).toEqual(lastRow);
    },
  );

  it('numbers keys left of the query in the first half and keys right of it in the second', () => {
    // 8 buckets, 4 each side: 0, 1, then 2 (distances 2 and up), 3 (from √(2·20) ≈ 6.3).
    expect(Array.from(relativePositionBuckets(3, 8, 20))).toEqual([0, 5, 6, 1, 0, 5, 2, 1, 0]);
  });

  it('depends on the distance alone', () => {
    const T = 41;
    const buckets = relativePositionBuckets(T, 32, 128);
    for (let i = 0; i + 1 < T; i++) {
      for (let j = 0; j + 1 < T; j++) expect(buckets[i * T + j]).toBe(buckets[(i + 1) * T + j + 1]);
    }
  });
});
