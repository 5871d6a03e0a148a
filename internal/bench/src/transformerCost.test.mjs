import { resolveMaskedTransformerConfig } from '@muse/masked-transformer';
import { describe, expect, it } from 'vitest';
import { activationBytes, forwardFlop, slopeOf } from './transformerCost.mjs';

const config = (overrides) => resolveMaskedTransformerConfig('emoji', overrides);
const sizes = { numRows: 1, numTextTokens: 24 };

describe('slopeOf', () => {
  it('finds the exponent of a power, whatever stands before it', () => {
    const points = [2, 3, 5, 7, 11].map((x) => [x, 13 * x ** 1.7]);
    expect(slopeOf(points)).toBeCloseTo(1.7, 12);
    expect(slopeOf(points.map(([x]) => [x, 4]))).toBeCloseTo(0, 12);
  });
});

describe('forwardFlop', () => {
  it('is in proportion to the rows, and grows from first to second order in the tokens', () => {
    expect(forwardFlop(config(), { ...sizes, numRows: 3 })).toBe(3 * forwardFlop(config(), sizes));
    const slopeAt = (latentSize) =>
      slopeOf(
        [latentSize, 2 * latentSize].map((side) => [side ** 2, forwardFlop(config({ latentSize: side }), sizes)]),
      );
    expect(slopeAt(2)).toBeCloseTo(1, 1);
    expect(slopeAt(512)).toBeCloseTo(2, 1);
  });
});

describe('activationBytes', () => {
  it('is that of the MLP with few tokens, and of the scores with many', () => {
    const [few, many] = [config({ latentSize: 8 }), config({ latentSize: 128 })];
    expect(activationBytes(few, 2)).toBe(4 * 2 * (6 * 64 * 1024 + 3 * 64 * 256));
    expect(activationBytes(many, 1)).toBe(4 * (2 * 4 * 16384 ** 2 + 9 * 16384 * 256));
  });
});
