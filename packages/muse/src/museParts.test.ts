import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, ConfigError, createBackend, WeightError } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
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
    expect(error.message).toContain('imageSize to be latentSize · downsampleFactor 16, got 32');
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
    expect(size).toContain('superResImageSize to be latentSize · downsampleFactor 32, got 64');
    const other = await spoilt((json) => {
      json.components = { ...(json.components as object), super_res_transformer: 'MaskedTransformer' };
    });
    expect(other).toContain('component super_res_transformer to be SuperResTransformer, got MaskedTransformer');
    const half = await spoilt((json) => {
      json.superResSampling = undefined;
    });
    expect(half).toContain('expected superResSampling to be an object');
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
      "super-resolution transformer's codebookSize to be its VQGAN's 13, got 17",
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
