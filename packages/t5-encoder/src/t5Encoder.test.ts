import { readFile } from 'node:fs/promises';
import { type Backend, ConfigError, createBackend, ShapeError, WeightError } from '@muse/backend';
import { initParameters, type ModelComponent, openCheckpoint, type Parameters } from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveT5Config } from './config.js';
import { loadT5Encoder } from './loadT5Encoder.js';
import { t5Parameters } from './parameters.js';
import { T5Encoder } from './t5Encoder.js';
import { T5Tokenizer } from './tokenizer/t5Tokenizer.js';
import { wordVocabularyTokenizer } from './tokenizer/wordVocabularyTokenizer.js';

/** Of all goldens (transformers 4.57.6, torch 2.13.0): f32 on both sides, states of O(1). */
const tolerance = 1e-4;

/** A golden folder as a model component. */
async function component(name: string): Promise<ModelComponent> {
  const folder = nodeFolder(fixturePath(`t5/${name}`));
  const config: unknown = JSON.parse(await readFile(fixturePath(`t5/${name}/config.json`), 'utf8'));
  return { name, config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** All tensors of a golden file. */
async function readTensors(name: string): Promise<Map<string, tf.Tensor>> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath(`t5/${name}`)));
  const tensors = new Map<string, tf.Tensor>();
  for (const tensor of checkpoint.names) {
    const { data, shape } = await checkpoint.read(tensor);
    const isFloat = data instanceof Float32Array;
    const values = isFloat ? data : Int32Array.from(data as ArrayLike<number | bigint>, Number);
    tensors.set(tensor, tf.tensor(values, [...shape], isFloat ? 'float32' : 'int32'));
  }
  await checkpoint.close();
  return tensors;
}

async function largest(x: tf.Tensor): Promise<number> {
  const maximum = tf.tidy(() => tf.max(tf.abs(x)));
  const [value] = await maximum.data();
  maximum.dispose();
  return value!;
}

/** Largest |actual − expected|, NaN included; where a mask is given, at its ones only. */
async function distance(actual: tf.Tensor, expected: tf.Tensor, mask?: tf.Tensor): Promise<number> {
  expect(actual.shape).toEqual(expected.shape);
  const error = tf.tidy(() => {
    const difference = tf.sub(actual, expected);
    return mask ? tf.mul(difference, tf.expandDims(mask, -1)) : difference;
  });
  const value = await largest(error);
  error.dispose();
  return value;
}

function tinyEncoder(backend: Backend): T5Encoder {
  const tokenizer = T5Tokenizer.fromTokenizerJson(wordVocabularyTokenizer(['a', 'cat', 'red']));
  const config = resolveT5Config('tiny', { numLayers: 2 });
  return new T5Encoder(backend, config, initParameters(backend, t5Parameters(config), 11), tokenizer);
}

for (const device of ['tensorflow', 'cpu'] as const) {
  describe(device, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await createBackend({ device });
    });
    afterAll(() => backend.dispose());

    describe.each(['v1_0', 'v1_1'])('goldens of %s', (version) => {
      let encoder: T5Encoder;
      let inputs: Map<string, tf.Tensor>;
      beforeAll(async () => {
        encoder = await loadT5Encoder(backend, await component(`t5-${version}-tiny`));
        inputs = await readTensors(`t5-${version}-tiny/inputs.safetensors`);
      });
      const input = (name: string) => ({
        ids: inputs.get(`${name}.ids`) as tf.Tensor2D,
        mask: tf.cast(inputs.get(`${name}.mask`)!, 'float32') as tf.Tensor2D,
      });

      // `long` goes past relative_attention_max_distance.
      it.each(['short', 'long'])('gives transformers’ states (%s)', async (name) => {
        const { ids, mask } = input(name);
        const expected = (await readTensors(`t5-${version}-tiny/expected.safetensors`)).get(name)!;
        expect(await distance(encoder.forward(ids, mask), expected, mask)).toBeLessThan(tolerance);
      });

      it('gives PyTorch’s loss and gradient of every parameter', async () => {
        const { ids, mask } = input('short');
        const golden = await readTensors(`t5-gradients/${version}.safetensors`);
        const specs = t5Parameters(encoder.config);
        const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
          const taped: Parameters = new Map(specs.map(({ name }, index) => [name, tensors[index]!]));
          const states = new T5Encoder(backend, encoder.config, taped).forward(ids, mask);
          return tf.sum(tf.mul(states, golden.get('probe')!)) as tf.Scalar;
        })(specs.map(({ name }) => encoder.parameters.get(name)!));
        // A sum of 2640 terms of O(1).
        expect(await distance(tf.reshape(value, [1]), golden.get('loss')!)).toBeLessThan(1e-2);
        for (const [index, { name, layout }] of specs.entries()) {
          const inFile = golden.get(`gradient.${name}`)!;
          const expected = layout === 'linear' ? tf.transpose(inFile) : inFile;
          const scale = await largest(expected);
          expect(scale, name).toBeGreaterThan(0.01);
          expect((await distance(grads[index]!, expected)) / Math.max(1, scale), name).toBeLessThan(tolerance);
        }
      });
    });

    it.each(['relu', 'gelu', 'gelu_new', 'silu', 'gated-relu', 'gated-gelu', 'gated-silu'])(
      'computes feed_forward_proj %s as PyTorch',
      async (projection) => {
        const golden = await readTensors('t5-gradients/activations.safetensors');
        const config = resolveT5Config({
          ...{ vocab_size: 17, d_model: 5, d_kv: 3, d_ff: 11, num_layers: 1, num_heads: 2 },
          feed_forward_proj: projection,
        });
        const parameters: Parameters = new Map();
        for (const { name, layout } of t5Parameters(config)) {
          const inFile = golden.get(`${projection}.${name}`)!;
          parameters.set(name, layout === 'linear' ? tf.transpose(inFile) : inFile);
        }
        const encoder = new T5Encoder(backend, config, parameters);
        const states = encoder.forward(golden.get('ids') as tf.Tensor2D, tf.ones([1, 7]));
        expect(await distance(states, golden.get(`${projection}.states`)!)).toBeLessThan(tolerance);
      },
    );

    it('gives a text the same states whatever it is padded to and beside whatever text', async () => {
      const encoder = tinyEncoder(backend);
      const alone = encoder.encode(['a red cat'], { maxLength: 4 });
      const among = encoder.encode(['zebra', 'a red cat', ''], { maxLength: 9 });
      expect(Array.from(await alone.mask.data())).toEqual([1, 1, 1, 1]);
      const row = tf.slice(among.embeds, [1, 0, 0], [1, 4, 44]);
      expect(await distance(row, alone.embeds)).toBeLessThan(1e-5);
    });

    it('hides padded keys: what is there changes nothing', async () => {
      const encoder = tinyEncoder(backend);
      const mask = tf.tensor2d([[1, 1, 1, 0, 0]]);
      const first = encoder.forward(tf.tensor2d([[3, 4, 1, 0, 0]], undefined, 'int32'), mask);
      const second = encoder.forward(tf.tensor2d([[3, 4, 1, 7, 9]], undefined, 'int32'), mask);
      expect(await distance(first, second, mask)).toBe(0);
    });

    it('tells word orders apart', async () => {
      const encoder = tinyEncoder(backend);
      const { embeds } = encoder.encode(['red cat', 'cat red'], { maxLength: 3 });
      const [first, second] = tf.split(embeds, 2) as [tf.Tensor, tf.Tensor];
      const red = [tf.slice(first, [0, 0, 0], [1, 1, 44]), tf.slice(second, [0, 1, 0], [1, 1, 44])] as const;
      expect(await distance(...red)).toBeGreaterThan(0.01);
    });

    it('keeps nothing but its results, and gives the parameters back', async () => {
      const before = tf.memory().numTensors;
      const encoder = tinyEncoder(backend);
      const loaded = tf.memory().numTensors;
      const { embeds, mask } = encoder.encode(['a cat', 'a red cat']);
      expect(embeds.shape).toEqual([2, 13, 44]);
      expect(mask.shape).toEqual([2, 13]);
      expect(tf.memory().numTensors).toBe(loaded + 2);
      tf.dispose([embeds, mask]);
      encoder.dispose();
      encoder.dispose();
      expect(tf.memory().numTensors).toBe(before);
      expect(() => encoder.encode(['a cat'])).toThrow(WeightError);
    });
  });
}

describe('refuses', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
  });

  it('ids and masks of other shapes', () => {
    const encoder = tinyEncoder(backend);
    const ids = tf.zeros([2, 5], 'int32') as tf.Tensor2D;
    expect(() => encoder.forward(ids, tf.ones([2, 7]))).toThrow(
      '[t5-encoder] forward: expected mask [2, 5], got [2, 7]',
    );
    expect(() => encoder.forward(tf.zeros([5], 'int32') as unknown as tf.Tensor2D, tf.ones([1, 5]))).toThrow(
      ShapeError,
    );
  });

  it('texts without a tokenizer, or none', () => {
    const { config, parameters } = tinyEncoder(backend);
    expect(() => new T5Encoder(backend, config, parameters).encode(['a'])).toThrow('an encoder with a tokenizer');
    expect(() => tinyEncoder(backend).encode([])).toThrow(ConfigError);
    expect(() => tinyEncoder(backend).encode(['a'], { maxLength: 0 })).toThrow('got 0');
  });

  it('a tokenizer with more ids than the embedding has rows', () => {
    const { parameters, tokenizer } = tinyEncoder(backend);
    const config = resolveT5Config('tiny', { vocabSize: 100, numLayers: 2 });
    expect(() => new T5Encoder(backend, config, parameters, tokenizer)).toThrow(
      'at most vocabSize = 100 ids, got one of 142',
    );
  });

  it('parameters that lack a tensor', () => {
    const { config, parameters } = tinyEncoder(backend);
    parameters.delete('encoder.final_layer_norm.weight');
    expect(() => new T5Encoder(backend, config, parameters)).toThrow(
      'expected parameters encoder.final_layer_norm.weight',
    );
  });
});
