import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, ConfigError, createBackend, ImageError, MuseError } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
import { writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMuse, type GeneratedImage, type GenerationStep, Muse } from './index.js';
import { loadMuseParts, type T5Parts } from './museParts.js';

let backend: Backend;
let folder: string;
let muse: Muse;
const prompt = 'a smiling cat';

beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  folder = await mkdtemp(join(tmpdir(), 'muse-tiny-'));
  await writeTinyModel(backend, folder);
  muse = await Muse.fromPretrained(nodeFolder(folder), { backend });
  await muse.generate({ prompt, numSteps: 1 }); // what prompts have in common stays from the first one on
});

afterAll(async () => {
  await muse.dispose();
  await rm(folder, { recursive: true });
});

const pixelsOf = (images: GeneratedImage[]) => images.map(({ data }) => Buffer.from(data).toString('base64'));

/** Runs and checks that no tensor is left behind. */
async function withoutLeak<T>(run: () => Promise<T>): Promise<T> {
  const before = backend.tf.memory().numTensors;
  try {
    return await run();
  } finally {
    expect(backend.tf.memory().numTensors).toBe(before);
  }
}

describe('generate', () => {
  it('makes an image with its tokens, seed and settings', async () => {
    const [image, ...more] = await withoutLeak(() => muse.generate({ prompt, seed: 5 }));
    expect(more).toEqual([]);
    expect(image).toMatchObject({ width: 16, height: 16, grid: [8, 8], seed: 5 });
    expect(image!.data).toHaveLength(16 * 16 * 4);
    expect(image!.tokenIds).toHaveLength(64);
    expect(image!.tokenIds.every((id) => id >= 0 && id < 13)).toBe(true);
    expect(image!.settings).toMatchObject({ prompt, numSteps: 5, guidanceScale: 2, maskSchedule: 'cosine' });
  });

  it('repeats an image to the byte from its settings and seed, in a pipeline loaded anew', async () => {
    const [first] = await muse.generate({ prompt, negativePrompt: 'a dog', seed: 7, topP: 0.9 });
    const again = await Muse.fromPretrained(nodeFolder(folder), { backend });
    const [second] = await again.generate({ ...first!.settings, seed: first!.seed });
    await again.dispose();
    expect(second).toEqual(first);
  });

  it('gives an image the same bytes alone and in a batch', async () => {
    const batch = await withoutLeak(() => muse.generate({ prompt, seed: 30, count: 3 }));
    expect(batch.map(({ seed }) => seed)).toEqual([30, 31, 32]);
    for (const image of batch) expect(await muse.generate({ prompt, seed: image.seed })).toEqual([image]);
    expect(new Set(pixelsOf(batch)).size).toBe(3);
  });

  it('heeds prompt, negative prompt and guidance', async () => {
    const one = { prompt, seed: 3, guidanceSchedule: 'constant' } as const;
    const all = [
      await muse.generate(one),
      await muse.generate({ ...one, prompt: 'a red dog' }),
      await muse.generate({ ...one, negativePrompt: 'blue' }),
      await muse.generate({ ...one, guidanceScale: 6 }),
      await muse.generate({ ...one, guidanceScale: 0 }),
    ].flatMap(pixelsOf);
    expect(new Set(all).size).toBe(5);
    const unguided = { ...one, guidanceScale: 0 };
    expect(await muse.generate({ ...unguided, negativePrompt: 'blue' })).toMatchObject([
      { tokenIds: (await muse.generate(unguided))[0]!.tokenIds },
    ]);
  });

  it('asks the transformer for one row where guidance is 0, for the pair elsewhere; the one without text serves all prompts', async () => {
    const parts = (await loadMuseParts(nodeFolder(folder), { backend })) as T5Parts;
    const rows: number[] = [];
    const prepared: number[] = [];
    const { transformer } = parts;
    const forward = transformer.forward.bind(transformer);
    const prepare = transformer.prepare.bind(transformer);
    transformer.forward = (tokenIds, conditioning) => {
      rows.push(tokenIds.shape[0]);
      return forward(tokenIds, conditioning);
    };
    transformer.prepare = (conditioning) => {
      prepared.push(conditioning.textEmbeds.shape[0]);
      return prepare(conditioning);
    };
    const watched = createMuse(parts);
    await watched.generate({ prompt, seed: 1, count: 2, numSteps: 3, guidanceSchedule: 'linear' });
    expect(rows).toEqual([1, 2, 2, 1, 2, 2]);
    expect(prepared).toEqual([1, 1]);
    await watched.generate({ prompt: 'a red dog', seed: 1, numSteps: 3 });
    expect(prepared).toEqual([1, 1, 1]);
    rows.length = 0;
    prepared.length = 0;
    await watched.generate({ prompt, seed: 1, numSteps: 3, guidanceScale: 0 });
    expect(rows).toEqual([1, 1, 1]);
    expect(prepared).toEqual([1]);
    await watched.dispose();
  });

  it('tells each step, waits for the listener and previews', async () => {
    const steps: GenerationStep[] = [];
    let waited = 0;
    const images = await withoutLeak(() =>
      muse.generate({
        prompt,
        seed: 8,
        count: 2,
        numSteps: 4,
        onStep: async (step) => {
          expect(waited).toBe(steps.length);
          steps.push(step);
          const preview = await step.preview();
          expect([preview.width, preview.height]).toEqual([16, 16]);
          await new Promise((resolve) => setTimeout(resolve, 1));
          waited++;
        },
      }),
    );
    expect(steps.map(({ image, step, seed }) => [image, step, seed])).toEqual(
      [0, 1].flatMap((image) => [1, 2, 3, 4].map((step) => [image, step, 8 + image])),
    );
    // ⌊64·cos(πk/8)⌋
    expect(steps.slice(0, 4).map(({ numMasked }) => numMasked[0])).toEqual([59, 45, 24, 0]);
    expect(steps[3]!.tokenIds).toEqual(images[0]!.tokenIds);
    expect((await steps[3]!.preview()).data).toEqual(images[0]!.data);
  });

  it('gives each image as it is made, and those made before an abort are had', async () => {
    const controller = new AbortController();
    const had: number[] = [];
    const onImage = ({ seed }: GeneratedImage) => {
      had.push(seed);
      if (had.length === 2) controller.abort();
    };
    const options = { prompt, seed: 4, count: 9, numSteps: 1, onImage, signal: controller.signal };
    await withoutLeak(() => expect(muse.generate(options)).rejects.toMatchObject({ name: 'AbortError' }));
    expect(had).toEqual([4, 5]);
  });

  it('ends with what the listener throws', async () => {
    const failing = () => {
      throw new Error('enough');
    };
    await withoutLeak(() => expect(muse.generate({ prompt, onStep: failing })).rejects.toThrow('enough'));
  });

  it('is aborted before it begins, between steps and while the network runs, and leaves nothing', async () => {
    const aborted = { name: 'AbortError' };
    await withoutLeak(() =>
      expect(muse.generate({ prompt, signal: AbortSignal.abort() })).rejects.toMatchObject(aborted),
    );
    const between = new AbortController();
    let numSteps = 0;
    const onStep = () => {
      numSteps++;
      between.abort();
    };
    await withoutLeak(() =>
      expect(muse.generate({ prompt, signal: between.signal, onStep })).rejects.toMatchObject(aborted),
    );
    expect(numSteps).toBe(1);
    const within = new AbortController();
    setTimeout(() => within.abort(), 5);
    const long = { prompt, numSteps: 64, count: 1000, signal: within.signal };
    await withoutLeak(() => expect(muse.generate(long)).rejects.toMatchObject(aborted));
  });

  it('checks everything before it computes anything', async () => {
    const refused = async (options: Parameters<Muse['generate']>[0], message: string) => {
      await withoutLeak(async () => {
        await expect(muse.generate(options)).rejects.toThrow(ConfigError);
        await expect(muse.generate(options)).rejects.toThrow(message);
        expect(() => muse.checkOptions(options)).toThrow(message);
      });
    };
    await refused({ prompt: '' }, 'got an empty one');
    await refused({ prompt, numSteps: 0 }, 'numSteps');
    await refused(
      { prompt: 'cat '.repeat(2500) },
      'expected a prompt of at most 13 tokens, got 2501 (10000 characters)',
    );
    await refused({ prompt, negativePrompt: 'dog '.repeat(13) }, 'expected a negativePrompt of at most 13 tokens');
    await refused({ prompt: 'a cat 🐈' }, "in the model's vocabulary, got 🐈 (U+1F408): leave them out");
    await refused({ prompt: 'قطة' }, 'ق (U+0642)');
    await refused({ prompt: 'a \u202ecat' }, 'U+202E');
  });

  it('spells words that it does not know', async () => {
    const [image] = await muse.generate({ prompt: 'a zebra', seed: 1 });
    expect(pixelsOf([image!])).not.toEqual(pixelsOf(await muse.generate({ prompt: 'a gnu', seed: 1 })));
  });
});

describe('the tokenizer and the text encoder by themselves', () => {
  it('decodes and encodes tokens', async () => {
    const tokenIds = Int32Array.from({ length: 64 }, (_, i) => i % 13);
    const image = await withoutLeak(() => muse.decodeTokens(tokenIds));
    expect([image.width, image.height]).toEqual([16, 16]);
    const encoded = await withoutLeak(() => muse.encodeImage(image));
    expect(encoded.grid).toEqual([8, 8]);
    expect(encoded.tokenIds).toHaveLength(64);
    const wide = await muse.decodeTokens(tokenIds.subarray(0, 15), [3, 5]);
    expect([wide.width, wide.height]).toEqual([10, 6]);
    expect((await muse.encodeImage(wide)).grid).toEqual([3, 5]);
  });

  it('refuses token ids and images that it can make nothing of', async () => {
    await expect(muse.decodeTokens(new Int32Array(63))).rejects.toThrow('expected 8 × 8 token ids, got 63');
    await expect(muse.decodeTokens(new Int32Array(64).fill(13))).rejects.toThrow(
      'expected token ids in [0, 13), got 13 at position 0',
    );
    await expect(muse.decodeTokens(new Int32Array(6), [2.5, 2])).rejects.toThrow(ConfigError);
    const odd = { width: 3, height: 2, data: new Uint8ClampedArray(24) };
    await expect(muse.encodeImage(odd)).rejects.toThrow(ImageError);
    await expect(muse.encodeImage(odd)).rejects.toThrow('multiples of 2, got 3 × 2');
  });

  it('encodes text', async () => {
    const { embeds, mask, shape } = await withoutLeak(() => muse.encodeText('a cat'));
    expect(shape).toEqual([13, 44]);
    expect(embeds).toHaveLength(13 * 44);
    expect([...mask]).toEqual([1, 1, 1, ...new Array(10).fill(0)]);
    await expect(muse.encodeText('猫')).rejects.toThrow(ConfigError);
  });
});

describe('dispose', () => {
  it('gives back everything, and the pipeline says so when it is used afterwards', async () => {
    const before = backend.tf.memory().numTensors;
    const other = await Muse.fromPretrained(nodeFolder(folder), { backend });
    await other.generate({ prompt });
    expect(backend.tf.memory().numTensors).toBeGreaterThan(before);
    await other.dispose();
    await other.dispose();
    expect(backend.tf.memory().numTensors).toBe(before);
    await expect(other.generate({ prompt })).rejects.toThrow(MuseError);
    await expect(other.encodeText(prompt)).rejects.toThrow('expected a pipeline in use, got one that was disposed');
  });
});
