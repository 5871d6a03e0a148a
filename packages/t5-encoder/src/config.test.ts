import { readFileSync } from 'node:fs';
import { ConfigError } from '@muse/backend';
import { countParameters } from '@muse/checkpoint';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { resolveT5Config, t5ConfigJson, t5Presets } from './config.js';
import { t5Parameters } from './parameters.js';

const published = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(fixturePath(`t5/${name}/config.json`), 'utf8'));

describe('presets', () => {
  // vocab·D + layers·(4·N·K·D + 3·D·F + 2·D) + buckets·N + D, by hand.
  it.each([
    ['small', 35_332_800],
    ['base', 109_628_544],
    ['large', 341_231_104],
    ['xl', 1_223_527_424],
    ['xxl', 4_762_310_656],
  ] as const)('%s has %i parameters', (name, count) => {
    expect(countParameters(t5Parameters(resolveT5Config(name)))).toBe(count);
  });

  it('emoji takes its vocabulary size from the tokenizer', () => {
    expect(() => resolveT5Config('emoji')).toThrow(
      'expected vocabSize to be a whole number of at least 1, got undefined',
    );
    const config = resolveT5Config('emoji', { vocabSize: 307 });
    // 307·256 + 2·(4·256·256 + 3·256·512 + 2·256) + 32·4 + 256
    expect(countParameters(t5Parameters(config))).toBe(1_390_720);
    expect(config.maxLength).toBe(24);
  });

  it('tiny is the golden model', () => {
    expect(resolveT5Config('tiny')).toEqual({ ...resolveT5Config(published('t5-v1_1-tiny')), maxLength: 13 });
  });
});

describe('transformers’ config.json', () => {
  it('gives gated gelu_new for v1.1 and plain relu for v1.0', () => {
    expect(resolveT5Config(published('t5-v1_1-tiny'))).toMatchObject({
      activation: 'gelu_new',
      isGated: true,
      dKv: 10,
    });
    expect(resolveT5Config(published('t5-v1_0-tiny'))).toMatchObject({ activation: 'relu', isGated: false, dFf: 71 });
  });

  it.each([
    ['relu', 'relu', false],
    ['gelu', 'gelu', false],
    ['gelu_new', 'gelu_new', false],
    ['gated-gelu', 'gelu_new', true],
    ['gated-gelu_new', 'gelu_new', true],
    ['gated-silu', 'silu', true],
  ])('reads feed_forward_proj %s as %s, gated %s', (projection, activation, isGated) => {
    const json = { ...published('t5-v1_1-tiny'), feed_forward_proj: projection };
    expect(resolveT5Config(json)).toMatchObject({ activation, isGated });
  });

  it('takes transformers’ default for what is left out, and maxLength where it is given', () => {
    const { d_ff: _, ...rest } = published('t5-v1_0-tiny');
    expect(resolveT5Config({ ...rest, maxLength: 7 })).toMatchObject({ dFf: 2048, maxLength: 7 });
  });

  it('is what t5ConfigJson writes', () => {
    for (const name of ['tiny', 'small', 'xxl'] as const) {
      const config = resolveT5Config(name);
      expect(resolveT5Config(t5ConfigJson(config))).toEqual(config);
    }
    const silu = resolveT5Config('tiny', { activation: 'silu' });
    expect(t5ConfigJson(silu)).toMatchObject({ feed_forward_proj: 'gated-silu' });
    expect(resolveT5Config(t5ConfigJson(silu))).toEqual(silu);
  });
});

describe('a wrong field is named', () => {
  it.each<[string, unknown, string]>([
    ['an unknown preset', 'huge', 'preset to be one of tiny, emoji, small, base, large, xl, xxl, got "huge"'],
    ['no object', 7, 'config to be an object or the name of a preset, got 7'],
    ['a model of another kind', { model_type: 'umt5' }, 'model_type to be "t5" or "mt5", got "umt5"'],
    ['a misspelt field', { ...t5Presets.tiny, dmodel: 3 }, 'dmodel to be one of the fields vocabSize, '],
    ['a size of 0', { ...t5Presets.tiny, numHeads: 0 }, 'numHeads to be a whole number of at least 1, got 0'],
    ['a size as text', { ...t5Presets.tiny, dKv: '64' }, 'dKv to be a whole number of at least 1, got "64"'],
    ['odd buckets', { ...t5Presets.tiny, relativeAttentionNumBuckets: 30 }, 'Buckets to be a multiple of 4, got 30'],
    ['a short distance', { ...t5Presets.tiny, relativeAttentionMaxDistance: 8 }, 'Distance to be more than 8'],
    ['an epsilon of 0', { ...t5Presets.tiny, layerNormEpsilon: 0 }, 'layerNormEpsilon to be a number above 0, got 0'],
    [
      'an unknown activation',
      { ...t5Presets.tiny, activation: 'tanh' },
      'activation to be one of relu, gelu, gelu_new',
    ],
    ['a gate as text', { ...t5Presets.tiny, isGated: 'yes' }, 'isGated to be true or false, got "yes"'],
    ['an unknown projection', { d_model: 8, feed_forward_proj: 'gated-tanh' }, 'feed_forward_proj to be one of relu'],
  ])('%s', (_, source, message) => {
    expect(() => resolveT5Config(source)).toThrow(ConfigError);
    expect(() => resolveT5Config(source)).toThrow(message);
  });
});
