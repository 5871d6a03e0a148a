import { readFileSync } from 'node:fs';
import { ConfigError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { resolveUViTConfig, uvitPresets } from './config.js';

/** As diffusers 0.33.1 saved it. */
const saved: Record<string, unknown> = JSON.parse(
  readFileSync(fixturePath('amused/amused-tiny-512style/transformer/config.json'), 'utf8'),
);

describe('resolveUViTConfig', () => {
  it('reads what diffusers writes', () => {
    expect(resolveUViTConfig(saved)).toEqual({
      latentSize: 8,
      codebookSize: 83,
      vocabSize: 88,
      hiddenSize: 40,
      numLayers: 3,
      numHeads: 5,
      mlpDim: 53,
      embedChannels: 24,
      blockChannels: 24,
      numResBlocks: 2,
      blockNumHeads: 4,
      isDownsampled: true,
      textDim: 42,
      pooledTextDim: 26,
      microCondDim: 14,
      layerNormEpsilon: 1e-6,
    });
  });

  it("takes UVit2DModel's defaults for what is left out: aMUSEd-256 but for the grid", () => {
    expect(resolveUViTConfig({ _class_name: 'UVit2DModel', sample_size: 16 })).toEqual(uvitPresets['amused-256']);
    const large = { _class_name: 'UVit2DModel', downsample: true, upsample: true };
    expect(resolveUViTConfig(large)).toEqual(resolveUViTConfig('amused-512'));
  });

  it('takes its own configurations back', () => {
    expect(resolveUViTConfig({ ...uvitPresets['amused-512'] })).toEqual(uvitPresets['amused-512']);
  });

  it.each<[string, unknown]>([
    ['preset to be one of amused-256, amused-512, got "amused"', 'amused'],
    ['_class_name to be "UVit2DModel", got undefined', {}],
    ['use_bias to be false, got true', { ...saved, use_bias: true }],
    ['ln_elementwise_affine to be true, got false', { ...saved, ln_elementwise_affine: false }],
    ['upsample to be what downsample is, true, got false', { ...saved, upsample: false }],
    ['hidden_size to be a multiple of num_attention_heads = 7, got 40', { ...saved, num_attention_heads: 7 }],
    ['block_out_channels to be a multiple of block_num_heads = 5, got 24', { ...saved, block_num_heads: 5 }],
    ['vocab_size to be more than codebook_size = 83, got 83', { ...saved, vocab_size: 83 }],
    ['micro_cond_embed_dim to be 5 · micro_cond_encode_dim = 70, got 71', { ...saved, micro_cond_embed_dim: 71 }],
    ['sample_size to be even, as the grid is halved, got 7', { ...saved, sample_size: 7 }],
    ['latentSize to be a whole number of at least 1, got 0', { ...uvitPresets['amused-256'], latentSize: 0 }],
  ])('names what is wrong: %s', (message, source) => {
    expect(() => resolveUViTConfig(source)).toThrow(ConfigError);
    expect(() => resolveUViTConfig(source)).toThrow(message);
  });
});
