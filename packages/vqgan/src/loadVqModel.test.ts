import { readFileSync } from 'node:fs';
import { ConfigError } from '@muse/backend';
import { countParameters } from '@muse/checkpoint';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { downsampleFactorOf } from './config.js';
import { resolveVQModelConfig } from './loadVqModel.js';
import { vqganParameters } from './parameters.js';

/** As diffusers 0.33.1 saved it. */
const saved: Record<string, unknown> = JSON.parse(
  readFileSync(fixturePath('amused/amused-tiny/vqvae/config.json'), 'utf8'),
);

describe('resolveVQModelConfig', () => {
  it('reads what diffusers writes', () => {
    expect(resolveVQModelConfig(saved)).toMatchObject({
      blockOutChannels: [6, 12, 15],
      decoderBlockOutChannels: [6, 12, 15],
      layersPerBlock: 1,
      normNumGroups: 3,
      codebookSize: 83,
      codebookDim: 7,
    });
  });

  it("has aMUSEd's 146,244,675 parameters and 16 pixels per token at its sizes", () => {
    const blocks = (type: string) => new Array<string>(5).fill(type);
    const config = resolveVQModelConfig({
      ...saved,
      block_out_channels: [128, 256, 256, 512, 768],
      down_block_types: blocks('DownEncoderBlock2D'),
      up_block_types: blocks('UpDecoderBlock2D'),
      layers_per_block: 2,
      latent_channels: 64,
      vq_embed_dim: undefined,
      num_vq_embeddings: 8192,
      norm_num_groups: undefined,
    });
    expect(countParameters(vqganParameters(config))).toBe(146_244_675);
    expect(downsampleFactorOf(config)).toBe(16);
  });

  it('tells attention by the blocks, and pixels in [−1, 1] by tokens that are not looked up', () => {
    const plain = new Array<string>(2);
    const config = resolveVQModelConfig({
      ...saved,
      down_block_types: [...plain.fill('DownEncoderBlock2D'), 'AttnDownEncoderBlock2D'],
      up_block_types: ['AttnUpDecoderBlock2D', ...plain.fill('UpDecoderBlock2D')],
      mid_block_add_attention: undefined,
      lookup_from_codebook: undefined,
      vq_embed_dim: null,
    });
    expect(config.structure).toMatchObject({
      attentionLevels: [2],
      hasMidAttention: true,
      pixelRange: 'symmetric',
    });
    expect(resolveVQModelConfig(saved).structure).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['config to be an object, got []', []],
    ['_class_name to be "VQModel", got "AutoencoderKL"', { ...saved, _class_name: 'AutoencoderKL' }],
    ['mid_block_add_attention to be true or false, got 3', { ...saved, mid_block_add_attention: 3 }],
    [
      'up_block_types to be with attention where down_block_types has it',
      { ...saved, up_block_types: ['AttnUpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D'] },
    ],
    ['norm_type to be "group", got "spatial"', { ...saved, norm_type: 'spatial' }],
    ['in_channels to be 3, got 1', { ...saved, in_channels: 1 }],
    ['vq_embed_dim to be latent_channels = 7, got 8', { ...saved, vq_embed_dim: 8 }],
    ['block_out_channels to be a list, got 6', { ...saved, block_out_channels: 6 }],
    [
      'down_block_types to be 3 times DownEncoderBlock2D or AttnDownEncoderBlock2D',
      { ...saved, down_block_types: ['AttnDownEncoderBlock2D'] },
    ],
    ['codebookSize to be an integer of at least 2, got 1', { ...saved, num_vq_embeddings: 1 }],
  ])('refuses what a VQGAN is not: %s', (message, config) => {
    expect(() => resolveVQModelConfig(config)).toThrow(ConfigError);
    expect(() => resolveVQModelConfig(config)).toThrow(message);
  });
});
