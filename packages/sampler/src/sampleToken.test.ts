import { uniform } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { mostLikely } from './mostLikely.js';
import { guideLogits, sampleToken } from './sampleToken.js';

/** log of 1/16, 8/16, 2/16, 4/16, 1/16. */
const sixteenths = Float64Array.from([1, 8, 2, 4, 1], (n) => Math.log(n / 16));
const plain = { sampleTemperature: 1 };

function draw(logits: Float64Array, settings: Parameters<typeof sampleToken>[1], at: number) {
  return sampleToken(logits, settings, at, new Float64Array(logits.length));
}

describe('guideLogits', () => {
  it('is (1 + t)·conditional − t·unconditional at the offset', () => {
    const out = new Float64Array(2);
    const conditional = Float32Array.of(9, 9, 1, 3);
    const unconditional = Float32Array.of(9, 9, 2, -1);
    guideLogits({ conditional, unconditional, offset: 2, guidanceScale: 2 }, out);
    expect([...out]).toEqual([-1, 11]);
  });

  it('keeps a token out that the condition rules out', () => {
    const out = new Float64Array(1);
    const ruledOut = Float32Array.of(Number.NEGATIVE_INFINITY);
    guideLogits({ conditional: ruledOut, unconditional: ruledOut, offset: 0, guidanceScale: 3 }, out);
    expect(out[0]).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('sampleToken', () => {
  it('draws by the cumulative distribution', () => {
    expect(draw(sixteenths, plain, 0.5 / 16)?.tokenId).toBe(0);
    expect(draw(sixteenths, plain, 1.5 / 16)?.tokenId).toBe(1);
    expect(draw(sixteenths, plain, 8.5 / 16)?.tokenId).toBe(1);
    expect(draw(sixteenths, plain, 9.5 / 16)?.tokenId).toBe(2);
    expect(draw(sixteenths, plain, 11.5 / 16)?.tokenId).toBe(3);
    expect(draw(sixteenths, plain, 15.5 / 16)?.tokenId).toBe(4);
  });

  it('takes the first most likely token at temperature 0, whatever the draw', () => {
    expect(draw(Float64Array.of(0, 5, 2, 5), { sampleTemperature: 0 }, 0.999)?.tokenId).toBe(1);
  });

  it('keeps the confidence at temperature 1 and before the filters', () => {
    for (const settings of [plain, { sampleTemperature: 0 }, { sampleTemperature: 0.3, topK: 1 }]) {
      expect(Math.exp(draw(sixteenths, settings, 0.3)!.logProbability)).toBeCloseTo(0.5, 12);
    }
  });

  it('follows the probabilities, with temperature ½ their squares', () => {
    const draws = uniform({ seed: 3, stage: 1 }, 20_000);
    const share = (settings: Parameters<typeof sampleToken>[1], id: number) =>
      draws.filter((u) => draw(sixteenths, settings, u)?.tokenId === id).length / draws.length;
    // Standard deviation of a share is at most 0.0036.
    expect(Math.abs(share(plain, 3) - 4 / 16)).toBeLessThan(0.015);
    expect(Math.abs(share({ sampleTemperature: 0.5 }, 3) - 16 / 86)).toBeLessThan(0.015);
    expect(Math.abs(share({ sampleTemperature: 1, topK: 2 }, 3) - 1 / 3)).toBeLessThan(0.015);
  });

  it('never draws a token that is ruled out', () => {
    const logits = Float64Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY);
    for (const at of [1e-10, 0.5, 1 - 1e-10]) expect(draw(logits, plain, at)?.tokenId).toBe(1);
  });

  it.each([
    ['NaN', [0, Number.NaN, 1]],
    ['+∞', [0, Number.POSITIVE_INFINITY]],
    ['nothing but −∞', [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ])('refuses %s', (_, values) => expect(draw(Float64Array.from(values), plain, 0.5)).toBeUndefined());

  it('survives logits that overflow exp', () => {
    expect(draw(Float64Array.of(1e4, 0), plain, 0.9)).toEqual({ tokenId: 0, logProbability: 0 });
  });
});

describe('mostLikely', () => {
  const weights = Float64Array.of(1, 8, 2, 4, 1);

  it('top-k takes the k largest, of equal ones the smaller id', () => {
    expect(mostLikely(weights, { topK: 4 })).toEqual([1, 3, 2, 0]);
    expect(mostLikely(weights, { topK: 99 })).toEqual([1, 3, 2, 0, 4]);
  });

  it('top-p takes the fewest whose share reaches p, and always one', () => {
    expect(mostLikely(weights, { topP: 0.5 })).toEqual([1]);
    expect(mostLikely(weights, { topP: 0.51 })).toEqual([1, 3]);
    expect(mostLikely(weights, { topP: 1 })).toEqual([1, 3, 2, 0, 4]);
    expect(mostLikely(weights, { topP: 1e-9 })).toEqual([1]);
  });

  it('top-p is of what top-k left', () => {
    // 8/12 of what is left; 8/16 of all would need the second as well.
    expect(mostLikely(weights, { topK: 2, topP: 0.6 })).toEqual([1]);
  });

  it('sorts any weights', () => {
    const random = uniform({ seed: 5, stage: 0 }, 997);
    const sorted = Array.from(random.keys()).sort((a, b) => random[b]! - random[a]!);
    expect(mostLikely(random, { topK: 997 })).toEqual(sorted);
  });
});
