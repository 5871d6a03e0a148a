import { type Backend, ShapeError, WeightError } from '@muse/backend';
import { describeBackends } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { goldenComponent, goldenSizes, goldenTensors, largestDifference, variableModel } from '../test/golden.js';
import { loadMaskedTransformer } from './loadTransformers.js';
import { MaskedTransformer } from './maskedTransformer.js';

const { B, T, S, V, D, textDim } = goldenSizes;
const tolerance = 1e-4;

describeBackends('MaskedTransformer', (running) => {
  let backend: Backend;
  let model: MaskedTransformer;
  let tokenIds: tf.Tensor2D;
  let textEmbeds: tf.Tensor3D;
  let textMask: tf.Tensor2D;
  let expected: Map<string, tf.Tensor>;
  beforeAll(async () => {
    backend = running();
    if (!backend) return; // the device is missing: its tests are skipped
    model = await loadMaskedTransformer(backend, await goldenComponent('masked-transformer'));
    const inputs = await goldenTensors('masked-transformer', 'inputs');
    expected = await goldenTensors('masked-transformer', 'expected');
    tokenIds = inputs.get('masked_ids') as tf.Tensor2D;
    textEmbeds = inputs.get('text_embeds') as tf.Tensor3D;
    textMask = inputs.get('text_mask') as tf.Tensor2D;
  });

  const logitsOf = (ids: tf.Tensor2D, embeds: tf.Tensor3D, mask: tf.Tensor2D) =>
    tf.tidy(() => model.forward(ids, model.prepare({ textEmbeds: embeds, textMask: mask })));

  it("prepares PyTorch's keys and values", async () => {
    const prepared = model.prepare({ textEmbeds, textMask });
    expect(prepared.keys.length).toBe(2);
    for (const layer of [0, 1]) {
      expect(await largestDifference(prepared.keys[layer]!, expected.get(`keys.${layer}`)!)).toBeLessThan(tolerance);
      expect(await largestDifference(prepared.values[layer]!, expected.get(`values.${layer}`)!)).toBeLessThan(
        tolerance,
      );
    }
  });

  it("gives PyTorch's logits with text", async () => {
    const logits = logitsOf(tokenIds, textEmbeds, textMask);
    expect(await largestDifference(logits, expected.get('logits')!)).toBeLessThan(tolerance);
  });

  it("gives PyTorch's logits without text", async () => {
    const logits = logitsOf(tokenIds, textEmbeds, tf.zerosLike(textMask));
    expect(await largestDifference(logits, expected.get('logits_no_text')!)).toBeLessThan(tolerance);
  });

  it('gives the logits that it gives without cross-attention where there is no text', async () => {
    const silent = new Map(model.parameters);
    for (const layer of [0, 1]) silent.set(`layers.${layer}.cross_attention.output.weight`, tf.zeros([D, D]));
    const without = new MaskedTransformer(backend, model.config, silent);
    const expectedLogits = without.forward(tokenIds, without.prepare({ textEmbeds, textMask }));
    const logits = logitsOf(tokenIds, textEmbeds, tf.zerosLike(textMask));
    expect(await largestDifference(logits, expectedLogits)).toBe(0);
  });

  it('does not let the text into the unconditional branch', async () => {
    const other = tf.randomNormal([B, T, textDim], 0, 5, 'float32', 7) as tf.Tensor3D;
    const none = tf.zerosLike(textMask);
    const first = logitsOf(tokenIds, textEmbeds, none);
    expect(await largestDifference(logitsOf(tokenIds, other, none), first)).toBe(0);
    expect(await largestDifference(logitsOf(tokenIds, other, textMask), first)).toBeGreaterThan(0.1);
  });

  it('does not look at padding', async () => {
    const isPadding = tf.expandDims(tf.sub(1, textMask), 2);
    const changed = tf.add(textEmbeds, tf.mul(isPadding, 100)) as tf.Tensor3D;
    const logits = logitsOf(tokenIds, changed, textMask);
    expect(await largestDifference(logits, logitsOf(tokenIds, textEmbeds, textMask))).toBeLessThan(1e-5);
  });

  it('computes each image of a batch as if it were alone', async () => {
    const together = logitsOf(tokenIds, textEmbeds, textMask);
    for (let image = 0; image < B; image++) {
      const alone = logitsOf(
        tf.slice(tokenIds, [image, 0], [1, S]),
        tf.slice(textEmbeds, [image, 0, 0], [1, T, textDim]),
        tf.slice(textMask, [image, 0], [1, T]),
      );
      expect(await largestDifference(alone, tf.slice(together, [image, 0, 0], [1, S, V]))).toBeLessThan(1e-5);
    }
  });

  it('knows rows from columns', async () => {
    // One known token, once at (1, 0) and once at (0, 1): with equal embeddings the grids would be transposes.
    const grid = (position: number) =>
      tf.tensor2d(
        Int32Array.from({ length: S }, (_, i) => (i === position ? 3 : V)),
        [1, S],
        'int32',
      );
    const text = {
      embeds: tf.slice(textEmbeds, [0, 0, 0], [1, T, textDim]),
      mask: tf.slice(textMask, [0, 0], [1, T]),
    };
    const below = logitsOf(grid(5), text.embeds, text.mask);
    const right = tf.transpose(tf.reshape(logitsOf(grid(1), text.embeds, text.mask), [5, 5, V]), [1, 0, 2]);
    expect(await largestDifference(tf.reshape(below, [S, V]), tf.reshape(right, [S, V]))).toBeGreaterThan(0.1);
  });

  it('gives the logits of some positions, those that it gives of all', async () => {
    const positions = tf.tensor2d([3, 0, 24, 3, 7, 1, 2, 0, 23, 5, 6, 4], [B, 4], 'int32');
    const prepared = model.prepare({ textEmbeds, textMask });
    const some = model.forward(tokenIds, prepared, positions);
    const all = model.forward(tokenIds, prepared);
    expect(some.shape).toEqual([B, 4, V]);
    expect(await largestDifference(some, tf.gather(all, positions, 1, 1))).toBeLessThan(1e-5);
  });

  it('gives back what it takes', async () => {
    const before = tf.memory().numTensors;
    const prepared = model.prepare({ textEmbeds, textMask });
    expect(tf.memory().numTensors - before).toBe(2 * 2 + 1);
    model.forward(tokenIds, prepared).dispose();
    prepared.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const other = variableModel(backend, 5);
    expect(tf.memory().numTensors).toBe(before + model.parameters.size);
    other.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what does not fit', () => {
    const prepared = model.prepare({ textEmbeds, textMask });
    expect(() => model.prepare({ textEmbeds: tf.zeros([B, T, 7]), textMask })).toThrow(
      /\[masked-transformer\] prepare: expected textEmbeds \[B, T, 13\], got \[3, 11, 7\]/,
    );
    expect(() => model.prepare({ textEmbeds, textMask: tf.zeros([B, 7]) })).toThrow(ShapeError);
    expect(() => model.forward(tf.zeros([B, S + 1], 'int32'), prepared)).toThrow(
      /forward: expected tokenIds \[3, 25\], got \[3, 26\]/,
    );
    expect(() => model.forward(tf.zeros([B, S]), prepared)).toThrow(/int32, got float32/);
    expect(() => new MaskedTransformer(backend, model.config, new Map())).toThrow(WeightError);
    prepared.dispose();
  });
});
