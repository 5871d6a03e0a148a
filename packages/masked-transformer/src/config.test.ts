import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { maskedTransformerPresets, resolveMaskedTransformerConfig } from './config.js';

describe('resolveMaskedTransformerConfig', () => {
  it('takes a preset by name', () => {
    expect(resolveMaskedTransformerConfig('3B')).toMatchObject({ numLayers: 48, hiddenSize: 2048, mlpDim: 8192 });
  });

  it('drops text and smooths labels by a tenth unless told otherwise', () => {
    const { condDropProb: _, labelSmoothing: __, ...sizes } = maskedTransformerPresets.tiny;
    expect(resolveMaskedTransformerConfig(sizes)).toEqual(maskedTransformerPresets.tiny);
  });

  it('lets overrides win over the preset', () => {
    expect(resolveMaskedTransformerConfig('tiny', { numLayers: 5 }).numLayers).toBe(5);
  });

  it('reads its own JSON', () => {
    const config = resolveMaskedTransformerConfig('emoji');
    expect(resolveMaskedTransformerConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([
    [{ numLayers: 0 }, /expected numLayers to be a whole number of at least 1, got 0/],
    [{ textDim: 2.5 }, /textDim/],
    [{ hiddenSize: 22 }, /expected hiddenSize to be a multiple of numHeads = 3, got 22/],
    [{ condDropProb: 1.1 }, /condDropProb to be a number in \[0, 1\], got 1.1/],
    [{ condDropProb: Number.NaN }, /condDropProb/],
    [{ labelSmoothing: 1 }, /labelSmoothing to be a number in \[0, 1\)/],
    [{ dim: 7 } as object, /expected dim to be one of the fields latentSize, /],
  ])('refuses %o', (overrides, message) => {
    const resolve = () => resolveMaskedTransformerConfig('tiny', overrides);
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
  });

  it.each([['4B'], [null], [[7]], [{ latentSize: 8 }]])('refuses %o as a configuration', (source) => {
    expect(() => resolveMaskedTransformerConfig(source)).toThrow(ConfigError);
  });
});
