import { readFile } from 'node:fs/promises';
import { createBackend, WeightError } from '@muse/backend';
import {
  encodeSafetensors,
  initParameters,
  type ModelComponent,
  memoryFolder,
  openCheckpoint,
  type TensorData,
  toFilePermutation,
} from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { describeBackends, expectClose, expectNoLeaks, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveT5Config, t5ConfigJson } from '../config.js';
import { loadT5Encoder } from '../loadT5Encoder.js';
import { t5Parameters } from '../parameters.js';
import { openStreamedT5Encoder } from './openStreamedT5Encoder.js';
import type { PromptCache } from './promptCache.js';
import type { EncodeProgress, StreamedT5Encoder } from './streamedT5Encoder.js';

/** Of all goldens (transformers 4.57.6, torch 2.13.0): f32 on both sides, states of O(1). */
const tolerance = 1e-4;

async function component(name: string): Promise<ModelComponent> {
  const folder = nodeFolder(fixturePath(`t5/${name}`));
  const config: unknown = JSON.parse(await readFile(fixturePath(`t5/${name}/config.json`), 'utf8'));
  return { name, config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** The same model in memory, after a change, with the word tokenizer, whose 157 ids its embedding has. */
async function changed(change: (tensors: Map<string, TensorData>) => void = () => {}): Promise<ModelComponent> {
  const original = await component('t5-v1_1-tiny');
  const checkpoint = await original.checkpoint();
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) tensors.set(name, await checkpoint.read(name));
  await checkpoint.close();
  change(tensors);
  const files = new Map([
    ['model.safetensors', encodeSafetensors(tensors)],
    ['tokenizer.json', new Uint8Array(await readFile(fixturePath('t5/t5-words/tokenizer.json')))],
  ]);
  const folder = memoryFolder('memory', files);
  return { ...original, folder, checkpoint: () => openCheckpoint(folder) };
}

/** Token ids of the rows of a golden input, without padding. */
function rowsOf(version: string, name: string): Int32Array[] {
  const inputs = loadGolden(fixturePath(`t5/t5-${version}-tiny/inputs.safetensors`));
  const { shape, data } = inputs.get(`${name}.ids`)!;
  const mask = inputs.get(`${name}.mask`)!.data;
  const [B, T] = shape as [number, number];
  return Array.from({ length: B }, (_, row) =>
    Int32Array.from(data.slice(row * T, (row + 1) * T).filter((_, at) => mask[row * T + at])),
  );
}

function memoryCache(): PromptCache & { readonly entries: Map<string, Float32Array> } {
  const entries = new Map<string, Float32Array>();
  return {
    entries,
    get: async (key) => entries.get(key),
    set: async (key, { embeds }) => void entries.set(key, embeds),
  };
}

describeBackends('StreamedT5Encoder', (backend) => {
  describe.each(['v1_0', 'v1_1'])('goldens of %s', (version) => {
    let encoder: StreamedT5Encoder;
    beforeEach(async () => {
      encoder = await openStreamedT5Encoder(backend(), await component(`t5-${version}-tiny`));
    });
    afterEach(() => encoder.dispose());

    // `long` goes past relative_attention_max_distance.
    it.each(['short', 'long'])('gives transformers’ states block by block (%s)', async (name) => {
      const expected = loadGolden(fixturePath(`t5/t5-${version}-tiny/expected.safetensors`)).get(name)!;
      const [, T, D] = expected.shape as [number, number, number];
      const states = await encoder.encodeTokens(rowsOf(version, name));
      for (const [row, { embeds, shape }] of states.entries()) {
        expect(shape[1]).toBe(D);
        expectClose(embeds, expected.data.slice(row * T * D, (row * T + shape[0]) * D), tolerance);
      }
    });
  });

  it('gives the states of the encoder in memory, and zeros as padding', async () => {
    const [streamed, whole] = [
      await openStreamedT5Encoder(backend(), await changed()),
      await loadT5Encoder(backend(), await changed()),
    ];
    const texts = ['a smiling cat', '', 'two dogs on a green background, 3D style'];
    const [actual, expected] = [
      await streamed.encode(texts, { maxLength: 17 }),
      whole.encode(texts, { maxLength: 17 }),
    ];
    expect(await actual.mask.data()).toEqual(await expected.mask.data());
    const masked = tf.mul(expected.embeds, tf.expandDims(expected.mask, 2));
    expectClose(await actual.embeds.data(), await masked.data(), 1e-5);
    whole.dispose();
    await streamed.dispose();
  });

  it('gives them of matrices that are large enough for a device to widen them itself', async () => {
    const config = { ...resolveT5Config('tiny'), dModel: 256, dKv: 64, numHeads: 4, dFf: 256, numLayers: 2 };
    const specs = t5Parameters(config);
    const made = initParameters(backend(), specs, 5);
    const tensors = new Map<string, TensorData>();
    for (const { name, shape, layout } of specs) {
      const axes = toFilePermutation(layout);
      const tensor = axes ? tf.transpose(made.get(name)!, axes) : made.get(name)!;
      tensors.set(name, { dtype: 'BF16', shape, data: (await tensor.data()) as Float32Array });
    }
    tf.dispose([...made.values()]);
    const folder = memoryFolder('memory', new Map([['model.safetensors', encodeSafetensors(tensors)]]));
    const model = { name: 't5', config: t5ConfigJson(config), folder, checkpoint: () => openCheckpoint(folder) };
    const [streamed, whole] = [await openStreamedT5Encoder(backend(), model), await loadT5Encoder(backend(), model)];
    const ids = Int32Array.of(11, 5, 160, 7, 1);
    const [actual] = await streamed.encodeTokens([ids]);
    const expected = whole.forward(tf.tensor2d(ids, [1, 5], 'int32'), tf.ones([1, 5]));
    expectClose(actual!.embeds, (await expected.data()) as Float32Array, 1e-5);
    whole.dispose();
    await streamed.dispose();
  });

  it('is off by a few hundredths with weights at 8 bits', async () => {
    const [exact, int8] = [
      await openStreamedT5Encoder(backend(), await component('t5-v1_1-tiny')),
      await openStreamedT5Encoder(backend(), await component('t5-v1_1-tiny'), { weights: 'int8' }),
    ];
    const ids = rowsOf('v1_1', 'short');
    const [expected, actual] = [await exact.encodeTokens(ids), await int8.encodeTokens(ids)];
    const difference = rootMeanSquare(expected[0]!.embeds.map((value, at) => value - actual[0]!.embeds[at]!));
    // Half a step of 1/127 of a row's largest value is 0.6% of its usual one; unscaled scores of ±10 make 3% of that.
    const error = difference / rootMeanSquare(expected[0]!.embeds);
    expect(error).toBeGreaterThan(0.002);
    expect(error).toBeLessThan(0.05);
    await Promise.all([exact.dispose(), int8.dispose()]);
  });

  it('gives a text the same bits whatever is beside it', async () => {
    const encoder = await openStreamedT5Encoder(backend(), await changed());
    const [alone] = await encoder.encodeTexts(['a red cat']);
    const among = await encoder.encodeTexts(['zebra', 'a red cat', 'a']);
    expect(among[1]).toEqual(alone);
    await encoder.dispose();
  });

  it('keeps nothing on the device but its norm and bias table, and gives these back', async () => {
    await expectNoLeaks(backend(), async () => {
      const before = tf.memory().numTensors;
      const encoder = await openStreamedT5Encoder(backend(), await changed());
      expect(tf.memory().numTensors).toBe(before + 2);
      await encoder.encodeTexts(['a red cat', 'a']);
      expect(tf.memory().numTensors).toBe(before + 2);
      const stop = new AbortController();
      const onProgress = ({ stage }: EncodeProgress) => stage === 'weights' && stop.abort();
      await expect(encoder.encodeTexts(['a red cat'], { signal: stop.signal, onProgress })).rejects.toThrow('abort');
      expect(tf.memory().numTensors).toBe(before + 2);
      await encoder.dispose();
      await encoder.dispose();
      await expect(encoder.encodeTexts(['a'])).rejects.toThrow('got one that was disposed');
    });
  });
});

describe('a streamed encoder', () => {
  const open = async (change?: (tensors: Map<string, TensorData>) => void, cache?: PromptCache) =>
    openStreamedT5Encoder(await createBackend({ device: 'cpu' }), await changed(change), cache && { cache });

  it('reads each block once for all texts, and no more of the embedding than its rows', async () => {
    const model = await changed();
    const reads: string[] = [];
    const counted: ModelComponent = {
      ...model,
      checkpoint: async () => {
        const inner = await model.checkpoint();
        return {
          ...inner,
          readRows: (name, start, count) => {
            reads.push(name === 'shared.weight' ? `${start}+${count}` : name);
            return inner.readRows(name, start, count);
          },
        };
      },
    };
    const encoder = await openStreamedT5Encoder(await createBackend({ device: 'cpu' }), counted);
    reads.length = 0;
    await encoder.encodeTokens([Int32Array.of(9, 7, 8, 1), Int32Array.of(8, 30, 1)]);
    expect(reads.slice(0, 3)).toEqual(['1+1', '7+3', '30+1']);
    expect(new Set(reads.slice(3)).size).toBe(reads.length - 3);
    // Of a block: q, k, v, o, wi_0, wi_1, wo and two norms.
    expect(reads.length - 3).toBe(3 * 9);
    await encoder.dispose();
  });

  it('tells the time of each stage', async () => {
    const encoder = await open();
    const events: EncodeProgress[] = [];
    await encoder.encodeTexts(['a', 'a cat'], { onProgress: (event) => events.push(event) });
    const blocks = [0, 1, 2].flatMap((layer) => [`weights ${layer}`, `compute ${layer}`]);
    expect(events.map(({ stage, layer = '' }) => `${stage} ${layer}`.trim())).toEqual(['embeddings', ...blocks]);
    expect(events.every(({ elapsedMs, numTexts }) => elapsedMs >= 0 && numTexts === 2)).toBe(true);
    await encoder.dispose();
  });

  it('computes nothing that the cache has, and each text once', async () => {
    const cache = memoryCache();
    const first = await open(undefined, cache);
    const expected = await first.encodeTexts(['a cat', 'a', 'a cat']);
    expect(expected[2]).toEqual(expected[0]);
    expect(cache.entries.size).toBe(2);
    const events: EncodeProgress[] = [];
    const second = await open(undefined, cache);
    const onProgress = (event: EncodeProgress) => void events.push(event);
    expect(await second.encodeTexts(['a', 'a cat'], { onProgress })).toEqual([expected[1], expected[0]]);
    expect(events.map(({ stage }) => stage)).toEqual(['embeddings', 'cached']);
  });

  it.each<[string, (tensors: Map<string, TensorData>) => void]>([
    ['a matrix', (tensors) => bump(tensors, 'encoder.block.1.layer.0.SelfAttention.o.weight')],
    ['a norm', (tensors) => bump(tensors, 'encoder.block.2.layer.1.layer_norm.weight')],
    ['the embedding of a token of the text', (tensors) => bump(tensors, 'shared.weight', 3 * 44)],
  ])('takes another model for another: %s', async (_, change) => {
    const cache = memoryCache();
    await (await open(undefined, cache)).encodeTokens([Int32Array.of(3, 4, 1)]);
    await (await open(change, cache)).encodeTokens([Int32Array.of(3, 4, 1)]);
    expect(cache.entries.size).toBe(2);
  });

  it('checks its files when it is opened, and what it is asked for', async () => {
    await expect(open((tensors) => tensors.delete('encoder.block.2.layer.1.DenseReluDense.wo.weight'))).rejects.toThrow(
      /1 missing:\s+encoder\.block\.2\.layer\.1\.DenseReluDense\.wo\.weight \[44, 71\]/,
    );
    const encoder = await open();
    await expect(encoder.encode([])).rejects.toThrow('at least one text, got none');
    await expect(encoder.encodeTokens([new Int32Array()])).rejects.toThrow('a text of none');
    await expect(encoder.encodeTokens([Int32Array.of(173)])).rejects.toThrow(WeightError);
    await expect(encoder.encode(['a'], { maxLength: 0 })).rejects.toThrow('got 0');
  });

  it('refuses a value that is not finite where it meets it', async () => {
    const broken = (tensors: Map<string, TensorData>) =>
      bump(tensors, 'encoder.block.1.layer.0.SelfAttention.o.weight', 5, NaN);
    const encoder = await open(broken);
    const int8 = openStreamedT5Encoder(await createBackend({ device: 'cpu' }), await changed(broken), {
      weights: 'int8',
    });
    await expect(int8).rejects.toThrow('finite values in tensor encoder.block.1.layer.0.SelfAttention.o.weight');
    await expect(encoder.encodeTexts(['a'])).rejects.toThrow(
      'finite values in tensor encoder.block.1.layer.0.SelfAttention.o.weight, got NaN at 5',
    );
  });
});

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** Changes one value, in the first row unless told otherwise. */
function bump(tensors: Map<string, TensorData>, name: string, at = 0, by = 0.5): void {
  const tensor = tensors.get(name)!;
  const data = Float32Array.from(tensor.data as Float32Array);
  data[at]! += by;
  tensors.set(name, { ...tensor, data });
}
