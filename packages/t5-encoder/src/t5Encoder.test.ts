import { readFile } from 'node:fs/promises';
import { type Backend, ConfigError, createBackend, ShapeError, WeightError } from '@muse/backend';
import { initParameters, type ModelComponent, openCheckpoint, type Parameters } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import {
  describeBackends,
  expectClose,
  expectNoLeaks,
  expectTensorClose,
  type Golden,
  goldenTensor,
  loadGolden,
} from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

/** Values of states with those at padding, which nobody specifies, set to 0. */
function atTokens({ shape, data }: Golden, mask: Golden): Float32Array {
  const width = shape.at(-1)!;
  return Float32Array.from(data, (value, i) => (mask.data[Math.floor(i / width)] ? value : 0));
}

async function goldenOf(tensor: tf.Tensor): Promise<Golden> {
  return { shape: tensor.shape, data: (await tensor.data()) as Float32Array };
}

function tinyEncoder(backend: Backend): T5Encoder {
  const tokenizer = T5Tokenizer.fromTokenizerJson(wordVocabularyTokenizer(['a', 'cat', 'red']));
  const config = resolveT5Config('tiny', { numLayers: 2 });
  return new T5Encoder(backend, config, initParameters(backend, t5Parameters(config), 11), tokenizer);
}

describeBackends('T5Encoder', (backend) => {
  describe.each(['v1_0', 'v1_1'])('goldens of %s', (version) => {
    const inputs = loadGolden(fixturePath(`t5/t5-${version}-tiny/inputs.safetensors`));
    let encoder: T5Encoder;
    beforeEach(async () => {
      encoder = await loadT5Encoder(backend(), await component(`t5-${version}-tiny`));
    });
    afterEach(() => encoder.dispose());
    const input = (name: string) => ({
      ids: goldenTensor(backend(), inputs.get(`${name}.ids`)!) as tf.Tensor2D,
      mask: tf.cast(goldenTensor(backend(), inputs.get(`${name}.mask`)!), 'float32') as tf.Tensor2D,
    });

    // `long` goes past relative_attention_max_distance.
    it.each(['short', 'long'])('gives transformers’ states (%s)', async (name) => {
      const { ids, mask } = input(name);
      const states = await goldenOf(encoder.forward(ids, mask));
      const expected = loadGolden(fixturePath(`t5/t5-${version}-tiny/expected.safetensors`)).get(name)!;
      const tokens = inputs.get(`${name}.mask`)!;
      expect(states.shape).toEqual(expected.shape);
      expectClose(atTokens(states, tokens), atTokens(expected, tokens), tolerance);
    });

    it('gives PyTorch’s loss and gradient of every parameter', async () => {
      const { ids, mask } = input('short');
      const golden = loadGolden(fixturePath(`t5/t5-gradients/${version}.safetensors`));
      const probe = goldenTensor(backend(), golden.get('probe')!);
      const specs = t5Parameters(encoder.config);
      const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
        const taped: Parameters = new Map(specs.map(({ name }, index) => [name, tensors[index]!]));
        const states = new T5Encoder(backend(), encoder.config, taped).forward(ids, mask);
        return tf.sum(tf.mul(states, probe)) as tf.Scalar;
      })(specs.map(({ name }) => encoder.parameters.get(name)!));
      // A sum of 2640 terms of O(1).
      expectClose(await value.data(), golden.get('loss')!.data, 1e-2, 'loss');
      for (const [index, { name, layout }] of specs.entries()) {
        const expected = golden.get(`gradient.${name}`)!;
        const inFile = layout === 'linear' ? tf.transpose(grads[index]!) : grads[index]!;
        // Of the largest entry: small ones are differences of large terms.
        const largest = Float32Array.from(expected.data).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        expect(largest, name).toBeGreaterThan(0.01);
        await expectTensorClose(inFile, expected, tolerance * Math.max(1, largest), name);
      }
    });
  });

  it.each(['relu', 'gelu', 'gelu_new', 'silu', 'gated-relu', 'gated-gelu', 'gated-silu'])(
    'computes feed_forward_proj %s as PyTorch',
    async (projection) => {
      const golden = loadGolden(fixturePath('t5/t5-gradients/activations.safetensors'));
      const config = resolveT5Config({
        ...{ vocab_size: 17, d_model: 5, d_kv: 3, d_ff: 11, num_layers: 1, num_heads: 2 },
        feed_forward_proj: projection,
      });
      const parameters: Parameters = new Map();
      for (const { name, layout } of t5Parameters(config)) {
        const inFile = goldenTensor(backend(), golden.get(`${projection}.${name}`)!);
        parameters.set(name, layout === 'linear' ? tf.transpose(inFile) : inFile);
      }
      const encoder = new T5Encoder(backend(), config, parameters);
      const ids = goldenTensor(backend(), golden.get('ids')!) as tf.Tensor2D;
      const states = encoder.forward(ids, tf.ones([1, 7]));
      await expectTensorClose(states, golden.get(`${projection}.states`)!, tolerance);
    },
  );

  it('gives a text the same states whatever it is padded to and beside whatever text', async () => {
    const encoder = tinyEncoder(backend());
    const alone = encoder.encode(['a red cat'], { maxLength: 4 });
    const among = encoder.encode(['zebra', 'a red cat', ''], { maxLength: 9 });
    expect(Array.from(await alone.mask.data())).toEqual([1, 1, 1, 1]);
    await expectTensorClose(tf.slice(among.embeds, [1, 0, 0], [1, 4, 44]), await goldenOf(alone.embeds), 1e-5);
  });

  it('hides padded keys: what is there changes nothing', async () => {
    const encoder = tinyEncoder(backend());
    const mask = tf.tensor2d([[1, 1, 1, 0, 0]]);
    const forward = (ids: number[]) => encoder.forward(tf.tensor2d([ids], undefined, 'int32'), mask);
    const [first, second] = [forward([3, 4, 1, 0, 0]), forward([3, 4, 1, 7, 9])];
    const atText = (states: tf.Tensor) => tf.slice(states, [0, 0, 0], [1, 3, 44]).data();
    expect(await atText(first)).toEqual(await atText(second));
  });

  it('tells word orders apart', async () => {
    const { embeds } = tinyEncoder(backend()).encode(['red cat', 'cat red'], { maxLength: 3 });
    const [first, second] = [tf.slice(embeds, [0, 0, 0], [1, 1, 44]), tf.slice(embeds, [1, 1, 0], [1, 1, 44])];
    const [difference] = await tf.max(tf.abs(tf.sub(first, second))).data();
    expect(difference).toBeGreaterThan(0.01);
  });

  it('keeps nothing but its results, and gives the parameters back', async () => {
    await expectNoLeaks(backend(), () => {
      const encoder = tinyEncoder(backend());
      const loaded = tf.memory().numTensors;
      const { embeds, mask } = encoder.encode(['a cat', 'a red cat']);
      expect(embeds.shape).toEqual([2, 13, 44]);
      expect(mask.shape).toEqual([2, 13]);
      expect(tf.memory().numTensors).toBe(loaded + 2);
      tf.dispose([embeds, mask]);
      encoder.dispose();
      encoder.dispose();
      expect(() => encoder.encode(['a cat'])).toThrow(WeightError);
    });
  });
});

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
