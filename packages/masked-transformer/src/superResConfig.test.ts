import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { resolveSuperResTransformerConfig, superResTransformerPresets } from './superResConfig.js';

describe('resolveSuperResTransformerConfig', () => {
  it("has the paper's sizes", () => {
    const paper = { latentSize: 64, coarseLatentSize: 16, hiddenSize: 1024, mlpDim: 4096, codebookSize: 8192 };
    expect(resolveSuperResTransformerConfig('3B-cascade')).toMatchObject({
      ...paper,
      numLayers: 32,
      coarseNumLayers: 16,
      condDropProb: 0.1,
    });
    expect(resolveSuperResTransformerConfig('268M')).toMatchObject(paper);
  });

  it.each(Object.keys(superResTransformerPresets))('accepts its own preset, and its own JSON (%s)', (preset) => {
    const config = resolveSuperResTransformerConfig(preset);
    expect(resolveSuperResTransformerConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([
    [{ coarseNumLayers: 0 }, /expected coarseNumLayers to be a whole number of at least 1, got 0/],
    [{ blockSize: 3 }, /expected latentSize to be a multiple of blockSize = 3, got 16/],
    [{ numHeads: 1 }, /expected numHeads to be even \(half of the heads per axis\), got 1/],
    [{ numHeads: 4 }, /expected hiddenSize to be a multiple of numHeads = 4, got 22/],
    [{ labelSmoothing: -0.1 }, /labelSmoothing/],
    [{ gridSize: 7 } as object, /expected gridSize to be one of the fields latentSize, .*blockSize/],
  ])('refuses %o', (overrides, message) => {
    const resolve = () => resolveSuperResTransformerConfig('tiny', overrides);
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
  });
});
