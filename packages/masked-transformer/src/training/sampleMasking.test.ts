import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { type SampleMaskingOptions, sampleMasking } from './sampleMasking.js';

const seqLen = 13;
const maskTokenId = 31;

function options(batchSize: number, overrides: Partial<SampleMaskingOptions> = {}): SampleMaskingOptions {
  const tokenIds = Int32Array.from({ length: batchSize * seqLen }, (_, i) => (i * 7) % maskTokenId);
  return { tokenIds, batchSize, seqLen, maskTokenId, condDropProb: 0.1, seed: 1729, step: 3, ...overrides };
}

const numDraws = 20_000;
const many = sampleMasking(options(numDraws));

describe('sampleMasking', () => {
  it('masks exactly where the loss counts, and nowhere else', () => {
    const { tokenIds, ...rest } = options(17);
    const { maskedIds, labels, lossMask, numMasked } = sampleMasking({ tokenIds, ...rest });
    expect(labels).toEqual(tokenIds);
    expect(maskedIds).toEqual(tokenIds.map((id, i) => (lossMask[i] === 1 ? maskTokenId : id)));
    for (const [image, count] of numMasked.entries()) {
      const mask = lossMask.subarray(image * seqLen, (image + 1) * seqLen);
      expect(mask.reduce((sum, value) => sum + value, 0)).toBe(count);
    }
  });

  it('drops the text of a tenth of the images at condDropProb 0.1, not of nine tenths', () => {
    const rate = many.isTextDropped.reduce((sum, value) => sum + value, 0) / numDraws;
    const sigma = Math.sqrt((0.1 * 0.9) / numDraws);
    expect(Math.abs(rate - 0.1)).toBeLessThan(4 * sigma);
  });

  it.each([
    [0, 0],
    [1, 1],
  ])('at condDropProb %d drops the text with certainty %d', (condDropProb, expected) => {
    const { isTextDropped } = sampleMasking(options(997, { condDropProb }));
    expect(isTextDropped.every((value) => value === expected)).toBe(true);
  });

  it('masks counts with the distribution of cos(πu/2), rounded', () => {
    // P(count ≤ n) = P(r·S < n + ½) = 1 − (2/π)·acos((n + ½)/S); within 4 sigma at every n.
    const histogram = new Float64Array(seqLen + 1);
    for (const count of many.numMasked) histogram[count]! += 1;
    expect(histogram[0]).toBe(0);
    let below = 0;
    for (let n = 1; n < seqLen; n++) {
      below += histogram[n]!;
      const expected = 1 - (2 / Math.PI) * Math.acos((n + 0.5) / seqLen);
      const sigma = Math.sqrt((expected * (1 - expected)) / numDraws);
      expect(Math.abs(below / numDraws - expected), `P(count ≤ ${n})`).toBeLessThan(4 * sigma);
    }
  });

  it('masks everything often, which is where decoding starts', () => {
    const share = many.numMasked.filter((count) => count === seqLen).length / numDraws;
    const expected = (2 / Math.PI) * Math.acos((seqLen - 0.5) / seqLen);
    expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / numDraws));
  });

  it('masks no position more than another', () => {
    const perPosition = new Float64Array(seqLen);
    many.lossMask.forEach((value, i) => {
      perPosition[i % seqLen]! += value;
    });
    const mean = perPosition.reduce((sum, value) => sum + value, 0) / seqLen;
    const sigma = Math.sqrt(mean * (1 - mean / numDraws));
    for (const count of perPosition) expect(Math.abs(count - mean)).toBeLessThan(4 * sigma);
  });

  it('gives an image the same draw in a batch of any size, by its place in the step', () => {
    const whole = sampleMasking(options(7));
    const { tokenIds } = options(7);
    const rest = sampleMasking(options(4, { tokenIds: tokenIds.slice(3 * seqLen), firstIndex: 3 }));
    expect(rest.maskedIds).toEqual(whole.maskedIds.slice(3 * seqLen));
    expect(rest.isTextDropped).toEqual(whole.isTextDropped.slice(3));
  });

  it('draws anew for another step, seed and image', () => {
    const first = sampleMasking(options(5));
    expect(sampleMasking(options(5))).toEqual(first);
    expect(sampleMasking(options(5, { step: 4 })).lossMask).not.toEqual(first.lossMask);
    expect(sampleMasking(options(5, { seed: 1730 })).lossMask).not.toEqual(first.lossMask);
    expect(new Set(many.numMasked).size).toBe(seqLen);
  });

  it('leaves the tokens that it was given as they were', () => {
    const given = options(3);
    const before = given.tokenIds.slice();
    sampleMasking(given);
    expect(given.tokenIds).toEqual(before);
  });

  it.each([
    [{ batchSize: 2 }, /expected tokenIds of length batchSize · seqLen = 26, got 39/],
    [{ maskTokenId: 20 }, /expected tokenIds in \[0, 20\), got 21 at 3/],
    [{ condDropProb: -0.1 }, /condDropProb/],
    [{ seed: 0.5 }, /seed/],
    [{ step: 2 ** 32 }, /step/],
    [{ firstIndex: -1 }, /firstIndex/],
  ])('refuses %o', (overrides, message) => {
    expect(() => sampleMasking(options(3, overrides))).toThrow(ConfigError);
    expect(() => sampleMasking(options(3, overrides))).toThrow(message);
  });
});
