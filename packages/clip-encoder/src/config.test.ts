import { readFileSync } from 'node:fs';
import { ConfigError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { resolveClipImageConfig, resolveClipTextConfig } from './config.js';

const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(fixturePath(path), 'utf8'));
/** As transformers 4.57.6 saved them: a whole model, a text tower. */
const whole = json('clip/config.json');
const text = json('amused/amused-tiny/text_encoder/config.json');

describe('transformers’ config.json', () => {
  it('of a text tower gives its sizes', () => {
    expect(resolveClipTextConfig(text)).toEqual({
      vocabSize: 744,
      hiddenSize: 42,
      mlpDim: 59,
      projectionDim: 26,
      numLayers: 3,
      numHeads: 6,
      maxLength: 77,
      eosTokenId: 743,
      activation: 'quick_gelu',
      layerNormEpsilon: 1e-5,
    });
  });

  it('of a whole model gives those of both towers and the width that they share', () => {
    expect(resolveClipTextConfig(whole)).toMatchObject({ hiddenSize: 22, projectionDim: 19, activation: 'gelu' });
    expect(resolveClipImageConfig(whole)).toMatchObject({ hiddenSize: 26, projectionDim: 19, patchSize: 7 });
  });

  it.each<[string, () => unknown]>([
    ['config to be an object, got 3', () => resolveClipTextConfig(3)],
    ['model_type to be "clip_text_model" or "clip", got "t5"', () => resolveClipTextConfig({ model_type: 't5' })],
    ['vision_config to be an object', () => resolveClipImageConfig({ ...whole, vision_config: undefined })],
    [
      'hidden_act to be one of quick_gelu, gelu, got "relu"',
      () => resolveClipTextConfig({ ...text, hidden_act: 'relu' }),
    ],
    ['hidden_size to be a multiple of num_attention_heads', () => resolveClipTextConfig({ ...text, hidden_size: 43 })],
    ['num_hidden_layers to be', () => resolveClipTextConfig({ ...text, num_hidden_layers: 0 })],
    ['layer_norm_eps to be above 0', () => resolveClipTextConfig({ ...text, layer_norm_eps: 0 })],
    [
      'image_size to be a multiple of patch_size = 6',
      () => resolveClipImageConfig({ ...whole, vision_config: { ...(whole.vision_config as object), patch_size: 6 } }),
    ],
  ])('names what is wrong: %s', (message, resolve) => {
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
  });
});
