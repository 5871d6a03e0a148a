import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { downsampleFactorOf, resolveVQGANConfig, type VQGANOptions, vqganPresetNames } from './config.js';

const valid: VQGANOptions = {
  imageSize: 24,
  blockOutChannels: [6, 9, 15],
  layersPerBlock: 2,
  normNumGroups: 3,
  codebookSize: 29,
  codebookDim: 7,
};

describe('resolveVQGANConfig', () => {
  it('lets the decoder follow the encoder and takes 32 groups', () => {
    const { normNumGroups: _, ...rest } = { ...valid, blockOutChannels: [32, 64, 96] };
    expect(resolveVQGANConfig(rest)).toEqual({
      ...rest,
      decoderBlockOutChannels: [32, 64, 96],
      decoderLayersPerBlock: 2,
      normNumGroups: 32,
    });
  });

  it.each(vqganPresetNames)('has a preset %s that is valid as a config', (name) => {
    const preset = resolveVQGANConfig(name);
    expect(resolveVQGANConfig({ ...preset })).toEqual(preset);
  });

  it('leaves out fields that it does not know', () => {
    const config = { ...resolveVQGANConfig('tiny'), _class_name: 'VQModel' };
    expect(resolveVQGANConfig(config)).toEqual(resolveVQGANConfig('tiny'));
  });

  it.each([
    [{ layersPerBlock: 0 }, 'layersPerBlock to be an integer in [1, 1000], got 0'],
    [{ layersPerBlock: undefined }, 'layersPerBlock to be an integer in [1, 1000], got undefined'],
    [{ decoderLayersPerBlock: -1 }, 'decoderLayersPerBlock to be an integer in [0, 1000], got -1'],
    [{ codebookSize: 1 }, 'codebookSize to be an integer of at least 2, got 1'],
    [{ codebookDim: 1.5 }, 'codebookDim to be an integer of at least 1, got 1.5'],
    [{ normNumGroups: 4 }, 'blockOutChannels to be multiples of normNumGroups 4, got [6,9,15]'],
    [{ blockOutChannels: [] }, 'blockOutChannels to be multiples of normNumGroups 3, got []'],
    [
      { decoderBlockOutChannels: [6, 9, 16] },
      'decoderBlockOutChannels to be multiples of normNumGroups 3, got [6,9,16]',
    ],
    [{ decoderBlockOutChannels: [6, 9] }, '3 decoderBlockOutChannels, as many as blockOutChannels, got 2'],
    [{ imageSize: 26 }, 'imageSize to be a multiple of 4, got 26'],
    [{ imageSize: Number.NaN }, 'imageSize to be an integer of at least 4, got null'],
    [{ structure: { attentionLevels: [3] } }, 'structure.attentionLevels to be a list of levels below 3, got [3]'],
    [{ structure: { pixelRange: 'byte' } }, 'structure.pixelRange to be one of unit, symmetric, got "byte"'],
    [{ structure: { attention: true } }, 'structure.attention to be one of attentionLevels, hasMidAttention,'],
  ])('refuses %j', (fields, message) => {
    const resolve = () => resolveVQGANConfig({ ...valid, ...fields } as VQGANOptions);
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(`[vqgan] resolveVQGANConfig: expected ${message}`);
  });

  it('refuses what is no config at all', () => {
    expect(() => resolveVQGANConfig('huge' as 'tiny')).toThrow('expected one of tiny, emoji, paper-f16');
    expect(() => resolveVQGANConfig(null as unknown as VQGANOptions)).toThrow(
      'expected a preset name or an object, got null',
    );
  });
});

describe('downsampleFactorOf', () => {
  it('is 2 per resolution after the first', () => {
    expect(vqganPresetNames.map((name) => downsampleFactorOf(resolveVQGANConfig(name)))).toEqual([2, 8, 16, 16, 8]);
  });
});
