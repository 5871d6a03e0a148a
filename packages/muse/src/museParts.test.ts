import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, ConfigError, createBackend, WeightError } from '@muse/backend';
import { encodeSafetensors, openCheckpoint, type TensorData } from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { writeTinyCascade, writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMuse, type LoadProgress, Muse } from './index.js';
import { loadMuseParts, type T5Parts } from './museParts.js';

let backend: Backend;
let folder: string;
let spoiled: string;

beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  folder = await mkdtemp(join(tmpdir(), 'muse-parts-'));
  spoiled = join(folder, 'spoiled');
  await writeTinyModel(backend, join(folder, 'whole'));
  await writeTinyCascade(backend, join(folder, 'cascade'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Loads a copy of a model after `spoil`, expecting an error and no tensor left. */
async function failure(spoil: () => Promise<void>, model = 'whole'): Promise<Error> {
  await cp(join(folder, model), spoiled, { recursive: true });
  await spoil();
  const before = backend.tf.memory().numTensors;
  const error = await Muse.fromPretrained(nodeFolder(spoiled), { backend }).then(
    () => new Error('it loaded'),
    (reason: Error) => reason,
  );
  expect(backend.tf.memory().numTensors).toBe(before);
  await rm(spoiled, { recursive: true });
  return error;
}

async function editJson(path: string, edit: (json: Record<string, unknown>) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(spoiled, path), 'utf8'));
  edit(json);
  await writeFile(join(spoiled, path), JSON.stringify(json));
}

/** Another value of the codebook, at f16 as it was. */
async function spoilCodebook(at: number, value: number): Promise<void> {
  const path = join(spoiled, 'vqgan/model.safetensors');
  const checkpoint = await openCheckpoint(await fileSource(path));
  const tensors: Record<string, TensorData> = {};
  for (const name of checkpoint.names) tensors[name] = await checkpoint.read(name);
  await checkpoint.close();
  (tensors['quantize.embedding.weight']!.data as Float32Array)[at] = value;
  await writeFile(path, encodeSafetensors(tensors));
}

describe('fromPretrained', () => {
  it('reports each file from start to end, the device, and that all is ready', async () => {
    const events: LoadProgress[] = [];
    const source = nodeFolder(join(folder, 'whole'));
    const muse = await Muse.fromPretrained(source, { backend, onProgress: (event) => events.push(event) });
    await muse.dispose();
    const files = new Set(events.flatMap((event) => ('file' in event ? [event.file] : [])));
    expect([...files].sort()).toEqual([
      'model_index.json',
      'text_encoder/config.json',
      'text_encoder/model.safetensors',
      'text_encoder/tokenizer.json',
      'transformer/config.json',
      'transformer/model.safetensors',
      'vqgan/config.json',
      'vqgan/model.safetensors',
    ]);
    for (const file of files) {
      const own = events.filter((event) => 'file' in event && event.file === file);
      expect(own.slice(0, 2).map(({ status }) => status)).toEqual(['initiate', 'download']);
      expect(own.at(-1)!.status).toBe('done');
      const last = own.findLast((event) => event.status === 'progress');
      expect(last).toMatchObject({ progress: 100, loaded: (last as { total: number }).total });
      const loaded = own.flatMap((event) => (event.status === 'progress' ? [event.loaded] : []));
      expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    }
    expect(events.find(({ status }) => status === 'device')).toMatchObject({ device: 'wasm' });
    expect(events.at(-1)).toEqual({ status: 'ready', name: source.location });
  });

  it('stops when aborted while it loads, and leaves nothing', async () => {
    const before = backend.tf.memory().numTensors;
    const controller = new AbortController();
    const loading = Muse.fromPretrained(nodeFolder(join(folder, 'whole')), {
      backend,
      signal: controller.signal,
      onProgress: (event) => {
        if ('file' in event && event.file === 'transformer/model.safetensors') controller.abort();
      },
    });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  it.each(['model_index.json', 'vqgan/config.json', 'text_encoder/tokenizer.json', 'transformer/model.safetensors'])(
    'names the file that is missing: %s',
    async (file) => {
      const error = await failure(() => rm(join(spoiled, file)));
      expect(error).toBeInstanceOf(file.endsWith('tokenizer.json') ? ConfigError : WeightError);
      expect(error.message).toContain(file.split('/').at(-1));
    },
  );

  it('says which component is of a class that it does not know', async () => {
    const error = await failure(() =>
      editJson('model_index.json', (json) => {
        json.components = { ...(json.components as object), transformer: 'UVit2D' };
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain('expected component transformer to be MaskedTransformer, got UVit2D');
  });

  it('refuses parts that do not fit together', async () => {
    const error = await failure(() =>
      editJson('model_index.json', (json) => {
        json.imageSize = [32, 16];
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toContain(
      'spoiled: [muse] createMuse: expected imageSize of model_index.json to be latentSize · downsampleFactor 16, got 32',
    );
  });

  it.each([
    ['super_res_vqgan', { codebookSize: 19 }, 'super_res_vqgan'],
    ['super_res_transformer', { coarseLatentSize: 9 }, 'super_res_transformer'],
  ])('names the weights of %s that do not fit its config', async (component, fields, message) => {
    const error = await failure(
      () => editJson(`${component}/config.json`, (json) => void Object.assign(json, fields)),
      'cascade',
    );
    expect(error).toBeInstanceOf(WeightError);
    expect(error.message).toContain(message);
  });

  it('refuses a second stage that does not fit, is of another class or is not whole', async () => {
    const spoilt = async (edit: (json: Record<string, unknown>) => void) =>
      (await failure(() => editJson('model_index.json', edit), 'cascade')).message;
    const size = await spoilt((json) => {
      json.superResImageSize = [64, 32];
    });
    expect(size).toContain('superResImageSize of model_index.json to be latentSize · downsampleFactor 32, got 64');
    const other = await spoilt((json) => {
      json.components = { ...(json.components as object), super_res_transformer: 'MaskedTransformer' };
    });
    expect(other).toContain('component super_res_transformer to be SuperResTransformer, got MaskedTransformer');
    const half = await spoilt((json) => {
      json.superResSampling = undefined;
    });
    expect(half).toContain('expected superResSampling to be an object');
  });

  type Spoil = () => Promise<unknown>;
  const edit = (path: string, fields: object): Spoil => {
    return () => editJson(path, (json) => void Object.assign(json, fields));
  };
  const editInner = (path: string, key: string, fields: object): Spoil => {
    return () => editJson(path, (json) => void Object.assign(json[key] as object, fields));
  };

  it.each<[string, typeof ConfigError | typeof WeightError, string, Spoil]>([
    [
      'an index without a component',
      ConfigError,
      'spoiled/model_index.json: expected component vqgan to be VQGAN, got none',
      editInner('model_index.json', 'components', { vqgan: undefined }),
    ],
    [
      'a component without its folder',
      WeightError,
      'expected a file transformer/config.json in',
      () => rm(join(spoiled, 'transformer'), { recursive: true }),
    ],
    [
      'a component without weights',
      WeightError,
      'or an index of shards, in',
      () => rm(join(spoiled, 'vqgan/model.safetensors')),
    ],
    [
      'a config that is no JSON',
      WeightError,
      'spoiled/vqgan/config.json: expected UTF-8 JSON, got',
      () => writeFile(join(spoiled, 'vqgan/config.json'), '{'),
    ],
    [
      'a config of the VQGAN that makes no sense',
      ConfigError,
      'spoiled/vqgan/config.json: [vqgan] resolveVQGANConfig: expected codebookSize to be an integer of at least 2, got 0',
      edit('vqgan/config.json', { codebookSize: 0 }),
    ],
    [
      'a config of the transformer that makes no sense',
      ConfigError,
      'spoiled/transformer/config.json: [masked-transformer] resolveMaskedTransformerConfig: expected numLayers',
      edit('transformer/config.json', { numLayers: 0 }),
    ],
    [
      'a config of the text encoder that makes no sense',
      ConfigError,
      'spoiled/text_encoder/config.json: [t5-encoder] resolveT5Config: expected',
      edit('text_encoder/config.json', { num_layers: 0 }),
    ],
    [
      'a config that contradicts the tensors',
      WeightError,
      'spoiled/vqgan/model.safetensors: expected the ',
      edit('vqgan/config.json', { codebookSize: 19 }),
    ],
    [
      'an unknown mask schedule',
      ConfigError,
      'spoiled/model_index.json: [muse] sampling: expected maskSchedule to be one of cosine, linear,',
      editInner('model_index.json', 'sampling', { maskSchedule: 'cubicle' }),
    ],
    [
      'an unknown order',
      ConfigError,
      'spoiled/model_index.json: [muse] sampling: expected order to be one of confidence, halton, got "raster"',
      editInner('model_index.json', 'sampling', { order: 'raster' }),
    ],
    [
      'an unknown guidance schedule of the second stage',
      ConfigError,
      'spoiled/model_index.json: [muse] superResSampling: expected guidanceSchedule to be one of',
      editInner('model_index.json', 'superResSampling', { guidanceSchedule: 'step' }),
    ],
    [
      'weights that are not numbers',
      WeightError,
      'spoiled/vqgan/model.safetensors: expected finite values in tensor quantize.embedding.weight, got NaN at 3 of 65',
      () => spoilCodebook(3, Number.NaN),
    ],
    [
      'a vocabulary that is larger than the table',
      ConfigError,
      'spoiled/text_encoder/config.json: [t5-encoder] T5Encoder: expected a tokenizer of at most vocabSize = 9 ids, got one of',
      edit('text_encoder/config.json', { vocab_size: 9 }),
    ],
    [
      'a vocabulary that is none',
      WeightError,
      'spoiled/text_encoder/tokenizer.json: ',
      edit('text_encoder/tokenizer.json', { model: 3 }),
    ],
    [
      'parts of two models',
      ConfigError,
      "spoiled: [muse] createMuse: expected codebookSize of transformer/config.json to be the VQGAN's 17, got 13",
      () => cp(join(spoiled, 'super_res_vqgan'), join(spoiled, 'vqgan'), { recursive: true, force: true }),
    ],
  ])('names the file and what was expected: %s', async (_, kind, message, spoil) => {
    const error = await failure(() => spoil().then(() => {}), 'cascade');
    expect(error.message).toContain(message);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toContain(spoiled);
  });

  it('takes no path where there are no files', async () => {
    await expect(Muse.fromPretrained('some/path')).rejects.toThrow('expected a FolderSource');
  });
});

describe('createMuse', () => {
  it('refuses parts of a second stage that the base or the index knows nothing of', async () => {
    const whole = (await loadMuseParts(nodeFolder(join(folder, 'whole')), { backend })) as T5Parts;
    const cascade = (await loadMuseParts(nodeFolder(join(folder, 'cascade')), { backend })) as T5Parts;
    const both = 'expected a super-resolution stage in parts and index or in neither';
    expect(() => createMuse({ ...whole, superRes: cascade.superRes })).toThrow(both);
    expect(() => createMuse({ ...whole, index: cascade.index })).toThrow(both);
    const { transformer } = cascade.superRes!;
    const swapped = { ...cascade, superRes: { transformer, vqgan: cascade.vqgan } };
    expect(() => createMuse(swapped)).toThrow(
      "codebookSize of super_res_transformer/config.json to be its VQGAN's 13, got 17",
    );
    await createMuse(whole).dispose();
    await createMuse(cascade).dispose();
  });

  it('makes the same images of the same parts', async () => {
    const parts = await loadMuseParts(nodeFolder(join(folder, 'whole')), { backend });
    const made = createMuse(parts);
    const loaded = await Muse.fromPretrained(nodeFolder(join(folder, 'whole')), { backend });
    const options = { prompt: 'a cat', seed: 2 };
    expect(await made.generate(options)).toEqual(await loaded.generate(options));
    await made.dispose();
    await loaded.dispose();
  });
});
