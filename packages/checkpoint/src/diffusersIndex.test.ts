import { ConfigError, WeightError } from '@muse/backend';
import { describe, expect, test } from 'vitest';
import { memoryFolder } from './byteSource.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { openModelFolder } from './modelFolder.js';

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const weights = (value: number) =>
  encodeSafetensors({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(value) } }, {});

const index = {
  _class_name: 'AmusedPipeline',
  _diffusers_version: '0.33.1',
  scheduler: ['diffusers', 'AmusedScheduler'],
  text_encoder: ['transformers', 'CLIPTextModelWithProjection'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  transformer: ['diffusers', 'UVit2DModel'],
  vqvae: ['diffusers', 'VQModel'],
};

const files = (): Map<string, Uint8Array> =>
  new Map([
    ['model_index.json', json(index)],
    ['scheduler/scheduler_config.json', json({ mask_token_id: 16, masking_schedule: 'linear' })],
    ['tokenizer/tokenizer_config.json', json({ model_max_length: 77 })],
    ['text_encoder/config.json', json({ hidden_size: 3 })],
    ['text_encoder/model.safetensors', weights(1)],
    ['transformer/config.json', json({ sample_size: 5, vocab_size: 17 })],
    ['transformer/diffusion_pytorch_model.safetensors', weights(2)],
    ['transformer/diffusion_pytorch_model.fp16.safetensors', weights(3)],
    ['vqvae/config.json', json({ block_out_channels: [2, 4, 6] })],
    ['vqvae/diffusion_pytorch_model.fp16.safetensors', weights(4)],
  ]);

const open = (change: [string, unknown][] = [], variant?: string) => {
  const all = files();
  for (const [path, value] of change) value === undefined ? all.delete(path) : all.set(path, json(value));
  return openModelFolder(memoryFolder('models/amused', all), { variant });
};

async function readWeight(component: string, variant?: string): Promise<number> {
  const checkpoint = await (await (await open([], variant)).component(component)).checkpoint();
  return Number((await checkpoint.read('w')).data[0]);
}

describe('a diffusers folder', () => {
  test('has an index made of its files and of what diffusers has in code', async () => {
    const folder = await open();
    expect(folder.index).toEqual({
      format: 'diffusers',
      formatVersion: 1,
      name: 'amused',
      license: 'not stated in the folder',
      components: {
        vqvae: 'VQModel',
        text_encoder: 'CLIPTextModelWithProjection',
        tokenizer: 'CLIPTokenizer',
        transformer: 'UVit2DModel',
        scheduler: 'AmusedScheduler',
      },
      sampling: {
        numSteps: 12,
        guidanceScale: 10,
        guidanceSchedule: 'constant',
        sampleTemperature: 1,
        choiceTemperature: [2, 0],
        order: 'confidence',
        maskSchedule: 'linear',
      },
      imageSize: [20, 20], // 5 tokens of 2² pixels a side
    });
    expect(folder.weighted).toEqual(['vqvae', 'text_encoder', 'transformer']);
  });

  test('gives each component its own configuration', async () => {
    const folder = await open();
    expect((await folder.component('scheduler')).config).toEqual({ mask_token_id: 16, masking_schedule: 'linear' });
    expect((await folder.component('tokenizer')).config).toEqual({ model_max_length: 77 });
    expect((await folder.component('text_encoder')).config).toEqual({ hidden_size: 3 });
    await expect((await folder.component('tokenizer')).checkpoint()).rejects.toThrow(WeightError);
  });

  test('gives the plain weights, those of a variant, or fp16 where there is nothing else', async () => {
    expect(await readWeight('transformer')).toBe(2);
    expect(await readWeight('transformer', 'fp16')).toBe(3);
    expect(await readWeight('vqvae')).toBe(4);
    await expect(readWeight('text_encoder', 'fp16')).rejects.toThrow(
      'expected model.fp16.safetensors or diffusion_pytorch_model.fp16.safetensors, or an index of shards, in models/amused/text_encoder',
    );
  });

  test('takes the cosine schedule if none is named, and the pipelines that share the components', async () => {
    const scheduler: [string, unknown] = ['scheduler/scheduler_config.json', { mask_token_id: 16 }];
    expect((await open([scheduler])).index.sampling.maskSchedule).toBe('cosine');
    const inpaint = {
      ...index,
      _class_name: 'AmusedInpaintPipeline',
      tokenizer: ['transformers', 'CLIPTokenizerFast'],
    };
    expect((await open([['model_index.json', inpaint]])).index.components.tokenizer).toBe('CLIPTokenizerFast');
  });

  test.each<[string, typeof ConfigError | typeof WeightError, [string, unknown]]>([
    ['model_index.json: expected _class_name to be one of', ConfigError, ['model_index.json', { _class_name: 'X' }]],
    [
      'vqvae to be [library, "VQModel"], got [null,null]',
      ConfigError,
      ['model_index.json', { ...index, vqvae: [null, null] }],
    ],
    ['expected a file transformer/config.json in models/amused', WeightError, ['transformer/config.json', undefined]],
    [
      'transformer/config.json: expected sample_size to be',
      ConfigError,
      ['transformer/config.json', { vocab_size: 17 }],
    ],
    [
      "mask_token_id to be the transformer's vocab_size − 1 = 16, got 15",
      ConfigError,
      ['scheduler/scheduler_config.json', { mask_token_id: 15 }],
    ],
    [
      'vqvae/config.json: expected block_out_channels to be a list, got []',
      ConfigError,
      ['vqvae/config.json', { block_out_channels: [] }],
    ],
  ])('is refused with the file and the field: %s', async (message, kind, change) => {
    const opening = open([change]);
    await expect(opening).rejects.toThrow(kind);
    await expect(opening).rejects.toThrow(message);
  });
});
