import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, ConfigError, createBackend, MuseError } from '@muse/backend';
import type { FolderSource } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import type { PromptCache } from '@muse/t5-encoder';
import { describeBackends, expectClose } from '@muse/test-utils';
import { writeTinyCascade } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoadProgress, Muse } from './index.js';
import { resolveModelFolder } from './node/index.js';

describeBackends(
  'a streamed text encoder',
  (running, device) => {
    it('makes the images of the resident one, to the byte, and leaves nothing', async () => {
      const backend = running();
      const { tf } = backend;
      const folder = await resolveModelFolder('@muse/model-emoji', { resolveFrom: import.meta.url });
      const before = tf.memory().numTensors;
      // Plain JavaScript takes minutes for both stages.
      const few =
        device === 'cpu' ? { numSteps: 1, superRes: false } : { numSteps: 2, superResSampling: { numSteps: 1 } };
      const options = { prompt: 'a smiling cat, 3D style', seed: 5, ...few };
      const made = [];
      for (const textEncoder of ['resident', 'streamed'] as const) {
        const muse = await Muse.fromPretrained(folder, { backend, textEncoder });
        expect(muse.textEncoder).toBe(textEncoder);
        made.push(await muse.generate({ ...options, negativePrompt: 'a dog, flat style' }));
        const settled = tf.memory().numTensors;
        await muse.generate({ ...options, prompt: 'two apples', negativePrompt: 'a red heart' });
        expect(tf.memory().numTensors).toBe(settled);
        await muse.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }
      expect(made[1]).toEqual(made[0]);
    });
  },
  // A GPU that is none takes minutes, and keeps plans of its own.
  { devices: ['tensorflow', 'wasm', 'cpu'] },
);

describe('a streamed text encoder', () => {
  const prompt = 'a smiling cat';
  let backend: Backend;
  let path: string;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
    path = await mkdtemp(join(tmpdir(), 'muse-streamed-'));
    await writeTinyCascade(backend, path);
  });
  afterAll(async () => {
    await backend.dispose();
    await rm(path, { recursive: true });
  });

  const load = (options: { promptCache?: PromptCache; source?: FolderSource; textEncoder?: 'resident' } = {}) => {
    const { source = nodeFolder(path), textEncoder = 'streamed', promptCache } = options;
    return Muse.fromPretrained(source, { backend, textEncoder, promptCache });
  };

  /** The tiny model, and the bytes that were read of its text encoder's weights. */
  function counted() {
    const folder = nodeFolder(path);
    const read = { bytes: 0 };
    const source: FolderSource = {
      ...folder,
      async open(file) {
        const inner = await folder.open(file);
        if (file !== 'text_encoder/model.safetensors') return inner;
        return {
          ...inner,
          read: (offset, length, into) => {
            read.bytes += length;
            return inner.read(offset, length, into);
          },
        };
      },
    };
    return { source, read };
  }

  it('gives the states of the resident one, and zeros as padding', async () => {
    const [streamed, resident] = [await load(), await load({ textEncoder: 'resident' })];
    const [actual, expected] = [await streamed.encodeText(prompt), await resident.encodeText(prompt)];
    expect(actual.mask).toEqual(expected.mask);
    expect(actual.shape).toEqual(expected.shape);
    const [, width] = expected.shape;
    expectClose(
      actual.embeds,
      expected.embeds.map((value, at) => value * expected.mask[Math.floor(at / width)]!),
      1e-5,
    );
    await streamed.dispose();
    await resident.dispose();
  });

  it('reads its blocks once for prompt and negative prompt, and not again for the same prompt', async () => {
    const { source, read } = counted();
    const muse = await load({ source });
    const bytesOf = async (options: { prompt: string; negativePrompt?: string }) => {
      const start = read.bytes;
      await muse.generate({ ...options, numSteps: 1, superResSampling: { numSteps: 1 } });
      return read.bytes - start;
    };
    // Of a token embedding: 44 values of f16. Both texts have fewer than 13 tokens.
    const rows = 13 * 44 * 2;
    const one = await bytesOf({ prompt });
    expect(one).toBeGreaterThan(3 * 10_000);
    expect(Math.abs((await bytesOf({ prompt: 'a red dog', negativePrompt: 'blue' })) - one)).toBeLessThan(2 * rows);
    expect(await bytesOf({ prompt, negativePrompt: 'blue' })).toBeLessThan(2 * rows);
    await muse.dispose();
  });

  it('reads its blocks once for many prompts that it is told of beforehand', async () => {
    const { source, read } = counted();
    const muse = await load({ source });
    const bytesOf = async (action: () => Promise<unknown>) => {
      const start = read.bytes;
      await action();
      return read.bytes - start;
    };
    const generate = (prompt: string) => muse.generate({ prompt, negativePrompt: 'blue', seed: 1, numSteps: 1 });
    const rows = 13 * 44 * 2;
    const prompts = ['a cat', 'a red dog', 'a smiling cat', 'a dog on white'];
    const one = await bytesOf(() => muse.encodeText('a cat on blue'));
    const together = await bytesOf(() => muse.encodeAhead([...prompts, 'blue', 'a cat']));
    expect(together).toBeGreaterThan(3 * 10_000);
    expect(together - one).toBeLessThan(5 * rows);
    for (const prompt of prompts) expect(await bytesOf(() => generate(prompt))).toBeLessThan(2 * rows);
    expect(await bytesOf(() => generate('a blue cat'))).toBeGreaterThan(3 * 10_000);
    const [image] = await generate('a red dog');
    const before = backend.tf.memory().numTensors;
    const resident = await load({ textEncoder: 'resident' });
    expect((await resident.generate({ prompt: 'a red dog', negativePrompt: 'blue', seed: 1, numSteps: 1 }))[0]).toEqual(
      image,
    );
    await resident.encodeAhead(prompts);
    await resident.dispose();
    expect(backend.tf.memory().numTensors).toBe(before);
    await expect(muse.encodeAhead(['a cat', 'a 猫'])).rejects.toThrow('expected a text of characters in the model');
    await muse.dispose();
  });

  it('keeps prompts where it is told to', async () => {
    const kept = new Map<string, Float32Array>();
    const promptCache: PromptCache = {
      get: async (key) => kept.get(key),
      set: async (key, { embeds }) => void kept.set(key, embeds),
    };
    const options = { prompt, negativePrompt: 'a dog', seed: 3, numSteps: 2 };
    const first = await load({ promptCache });
    const expected = await first.generate(options);
    await first.dispose();
    expect(kept.size).toBe(2);
    const { source, read } = counted();
    const second = await load({ promptCache, source });
    const start = read.bytes;
    expect(await second.generate(options)).toEqual(expected);
    expect(read.bytes - start).toBeLessThan(2 * 13 * 44 * 2);
    await second.dispose();
  });

  it('is aborted between blocks, and leaves nothing', async () => {
    const controller = new AbortController();
    let isKept = false;
    const muse = await load({
      promptCache: {
        get: async () => void controller.abort(),
        set: async () => {
          isKept = true;
        },
      },
    });
    const before = backend.tf.memory().numTensors;
    const aborted = { name: 'AbortError' };
    const { signal } = controller;
    await expect(muse.generate({ prompt, signal })).rejects.toMatchObject(aborted);
    await expect(muse.encodeText(prompt, { signal })).rejects.toMatchObject(aborted);
    expect(backend.tf.memory().numTensors).toBe(before);
    expect(isKept).toBe(false);
    await muse.dispose();
  });

  it('outlives what its loading was told of: signal and progress', async () => {
    const controller = new AbortController();
    const events: LoadProgress[] = [];
    const muse = await Muse.fromPretrained(nodeFolder(path), {
      backend,
      textEncoder: 'streamed',
      signal: controller.signal,
      onProgress: (event) => events.push(event),
    });
    const told = events.length;
    controller.abort();
    expect(await muse.generate({ prompt, numSteps: 1 })).toHaveLength(1);
    expect(events.length).toBe(told);
    await muse.dispose();
  });

  it('ends a generation whose pipeline is disposed of while it reads', async () => {
    const before = backend.tf.memory().numTensors;
    const muse = await load();
    const generating = muse.generate({ prompt });
    const ended = expect(generating).rejects.toThrow(MuseError);
    await muse.dispose();
    await ended;
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  it('is for a T5, and nothing else is a place', async () => {
    const amused = nodeFolder(fixturePath('amused/amused-tiny'));
    const refused = Muse.fromPretrained(amused, { backend, textEncoder: 'streamed' });
    await expect(refused).rejects.toThrow('expected a model with a T5 for textEncoder streamed');
    const unknown = Muse.fromPretrained(nodeFolder(path), { backend, textEncoder: 'disk' as never });
    await expect(unknown).rejects.toThrow(ConfigError);
    await expect(unknown).rejects.toThrow('expected textEncoder auto, resident, streamed, got disk');
  });
});
