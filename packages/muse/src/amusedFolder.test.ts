import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, ConfigError, createBackend, WeightError } from '@muse/backend';
import { encodeSafetensors, openCheckpoint, type TensorData } from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Muse } from './index.js';

let backend: Backend;
let folder: string;
let spoiled: string;

beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  folder = await mkdtemp(join(tmpdir(), 'muse-amused-'));
  spoiled = join(folder, 'model');
});
afterEach(() => rm(spoiled, { recursive: true, force: true }));
afterAll(async () => {
  await backend.dispose();
  await rm(folder, { recursive: true });
});

const load = (variant?: string) => Muse.fromPretrained(nodeFolder(spoiled), { backend, variant });

/** Loads a copy of the golden after `spoil`, expecting one error and no tensor left. */
async function failure(spoil: () => Promise<void>): Promise<Error> {
  await cp(fixturePath('amused/amused-tiny'), spoiled, { recursive: true });
  await spoil();
  const before = backend.tf.memory().numTensors;
  const error = await load().then(
    () => new Error('it loaded'),
    (reason: Error) => reason,
  );
  expect(backend.tf.memory().numTensors).toBe(before);
  return error;
}

async function editJson(path: string, fields: Record<string, unknown>): Promise<void> {
  const file = join(spoiled, path);
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...fields }));
}

/** Rewrites a file of weights. @param name of the new file, beside the old one */
async function editWeights(
  path: string,
  edit: (tensors: Map<string, TensorData>) => void,
  dtype?: 'F16',
  name = path,
): Promise<void> {
  const checkpoint = await openCheckpoint(await fileSource(join(spoiled, path)));
  const tensors = new Map<string, TensorData>();
  for (const tensor of checkpoint.names) tensors.set(tensor, await checkpoint.read(tensor));
  await checkpoint.close();
  edit(tensors);
  if (dtype) for (const [tensor, data] of tensors) tensors.set(tensor, { ...data, dtype });
  await writeFile(join(spoiled, name), encodeSafetensors(tensors));
}

describe('a broken aMUSEd folder', () => {
  const weights = 'transformer/diffusion_pytorch_model.safetensors';

  it.each<[string, typeof ConfigError | typeof WeightError, string, () => Promise<void>]>([
    [
      'an index without a component',
      ConfigError,
      'model_index.json: expected vqvae to be [library, "VQModel"], got none',
      () => editJson('model_index.json', { vqvae: undefined }),
    ],
    [
      'a component of another class',
      ConfigError,
      'model_index.json: expected transformer to be [library, "UVit2DModel"], got ["diffusers","UNet2DModel"]',
      () => editJson('model_index.json', { transformer: ['diffusers', 'UNet2DModel'] }),
    ],
    [
      'a pipeline of another class',
      ConfigError,
      'model_index.json: expected _class_name to be one of AmusedPipeline, AmusedImg2ImgPipeline, AmusedInpaintPipeline',
      () => editJson('model_index.json', { _class_name: 'StableDiffusionPipeline' }),
    ],
    [
      'an unknown scheduler',
      ConfigError,
      'model_index.json: expected scheduler to be [library, "AmusedScheduler"], got ["diffusers","DDIMScheduler"]',
      () => editJson('model_index.json', { scheduler: ['diffusers', 'DDIMScheduler'] }),
    ],
    [
      'a scheduler whose own file names another',
      ConfigError,
      'scheduler/scheduler_config.json: expected _class_name to be one of AmusedScheduler, got "DDIMScheduler"',
      () => editJson('scheduler/scheduler_config.json', { _class_name: 'DDIMScheduler' }),
    ],
    [
      'an unknown masking schedule',
      ConfigError,
      'scheduler/scheduler_config.json: expected masking_schedule to be one of cosine, linear, got "cubic"',
      () => editJson('scheduler/scheduler_config.json', { masking_schedule: 'cubic' }),
    ],
    [
      'a scheduler with another mask token',
      ConfigError,
      "scheduler_config.json: expected mask_token_id to be the transformer's vocab_size − 1 = 87, got 86",
      () => editJson('scheduler/scheduler_config.json', { mask_token_id: 86 }),
    ],
    [
      'a component without its folder',
      WeightError,
      'expected a file vqvae/config.json in',
      () => rm(join(spoiled, 'vqvae'), { recursive: true }),
    ],
    [
      'a component without weights',
      WeightError,
      'expected model.safetensors or diffusion_pytorch_model.safetensors, or an index of shards, in',
      () => rm(join(spoiled, weights)),
    ],
    [
      'a tokenizer of which half is missing',
      WeightError,
      'expected vocab.json and merges.txt, or tokenizer.json, in',
      () => rm(join(spoiled, 'tokenizer/merges.txt')),
    ],
    [
      'a config of another class',
      ConfigError,
      'transformer/config.json: [masked-transformer] resolveUViTConfig: expected _class_name to be "UVit2DModel"',
      () => editJson('transformer/config.json', { _class_name: 'UNet2DModel' }),
    ],
    [
      'a config that makes no sense',
      ConfigError,
      'transformer/config.json: [masked-transformer] resolveUViTConfig: expected hidden_size to be a multiple of',
      () => editJson('transformer/config.json', { num_attention_heads: 7 }),
    ],
    [
      'a config that contradicts the tensors',
      WeightError,
      'encoder_proj.weight expected [40, 43], got [40, 42]',
      () => editJson('transformer/config.json', { encoder_hidden_size: 43 }),
    ],
    [
      'a VQModel with attention that its weights have not',
      WeightError,
      'encoder.mid_block.attentions.0.to_q.weight [15, 15]',
      () => editJson('vqvae/config.json', { mid_block_add_attention: true }),
    ],
    [
      'a VQModel of another kind of pipeline',
      ConfigError,
      'vqvae/config.json: [vqgan] resolveVQModelConfig: expected lookup_from_codebook to be true, got false',
      () => editJson('vqvae/config.json', { lookup_from_codebook: false }),
    ],
    [
      'weights that are not numbers',
      WeightError,
      'diffusion_pytorch_model.safetensors: expected finite values in tensor embed.conv.weight, got NaN at 3',
      () =>
        editWeights(weights, (tensors) => {
          (tensors.get('embed.conv.weight')!.data as Float32Array)[3] = Number.NaN;
        }),
    ],
    [
      'a vocabulary that is too large',
      ConfigError,
      'text_encoder/config.json: [clip-encoder] ClipTextEncoder: expected a tokenizer of at most vocab_size = 744 ids, got one of 745',
      () => editJson('tokenizer/vocab.json', { more: 744 }),
    ],
    [
      'a vocabulary of another model',
      ConfigError,
      'expected a tokenizer that ends texts with eos_token_id = 743, got one with 9',
      () => editJson('tokenizer/vocab.json', { '<|endoftext|>': 9 }),
    ],
    [
      'an image size that the parts contradict',
      ConfigError,
      'transformer/config.json: expected sample_size to be an integer of at least 1, got "12"',
      () => editJson('transformer/config.json', { sample_size: '12' }),
    ],
  ])('%s is one error that names the file', async (_, kind, message, spoil) => {
    const error = await failure(spoil);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(message);
    expect(error.message).toContain(spoiled);
  });

  it('with parts of two models is refused', async () => {
    const error = await failure(async () => {
      await editJson('vqvae/config.json', { num_vq_embeddings: 80 });
      await editWeights('vqvae/diffusion_pytorch_model.safetensors', (tensors) => {
        const { dtype, data } = tensors.get('quantize.embedding.weight')!;
        tensors.set('quantize.embedding.weight', {
          dtype,
          shape: [80, 7],
          data: data.subarray(0, 560) as Float32Array,
        });
      });
    });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(
      `${spoiled}: [muse] createMuse: expected codebook_size of transformer/config.json to be num_vq_embeddings of ` +
        'vqvae/config.json, 80, got 83',
    );
  });
});

describe('variants', () => {
  it('are taken when asked for, fp16 also when there is nothing else', async () => {
    await cp(fixturePath('amused/amused-tiny'), spoiled, { recursive: true });
    for (const stem of ['text_encoder/model', 'transformer/diffusion_pytorch_model', 'vqvae/diffusion_pytorch_model']) {
      await editWeights(`${stem}.safetensors`, () => {}, 'F16', `${stem}.fp16.safetensors`);
    }
    const ids = async (variant?: string) => {
      const muse = await load(variant);
      const options = { prompt: 'a cat', seed: 1, numSteps: 1, sampleTemperature: 0, guidanceScale: 1 };
      const [image] = await muse.generate(options);
      await muse.dispose();
      return image!.data;
    };
    const [plain, half] = [await ids(), await ids('fp16')];
    expect(half).not.toEqual(plain);
    await expect(load('bf16')).rejects.toThrow(
      'expected model.bf16.safetensors or diffusion_pytorch_model.bf16.safetensors',
    );
    await expect(load('../x')).rejects.toThrow(
      'expected a variant of letters, digits, _ and -, such as fp16, got "../x"',
    );
    for (const stem of ['text_encoder/model', 'transformer/diffusion_pytorch_model', 'vqvae/diffusion_pytorch_model']) {
      await rename(join(spoiled, `${stem}.fp16.safetensors`), join(spoiled, 'x'));
      await rm(join(spoiled, `${stem}.safetensors`));
      await rename(join(spoiled, 'x'), join(spoiled, `${stem}.fp16.safetensors`));
    }
    expect(await ids()).toEqual(half);
  });
});
