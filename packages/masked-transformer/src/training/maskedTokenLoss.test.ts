import { type Backend, createBackend, ShapeError } from '@muse/backend';
import { describeBackends } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { goldenBatch, goldenComponent, goldenSizes, variableModel } from '../../test/golden.js';
import { expectGoldenLoss } from '../../test/goldenLoss.js';
import { loadMaskedTransformer } from '../loadTransformers.js';
import type { MaskedTransformer } from '../maskedTransformer.js';
import { maskedTransformerParameters } from '../parameters.js';
import { type MaskedBatch, maskedTokenLoss } from './maskedTokenLoss.js';
import { sampleMasking } from './sampleMasking.js';

const { B, T, S, V, textDim } = goldenSizes;

describeBackends('maskedTokenLoss', (running) => {
  let backend: Backend;
  let batch: MaskedBatch;
  beforeAll(async () => {
    backend = running();
    batch = await goldenBatch('masked-transformer');
  });

  const lossOf = async (model: MaskedTransformer, of: MaskedBatch) => {
    const { loss, accuracy } = maskedTokenLoss(model, of);
    return { loss: (await loss.data())[0]!, accuracy: (await accuracy.data())[0]! };
  };

  // One path takes the masked rows, the other weighs every row; both must be right wherever they run.
  it.each([
    ['masked rows', false],
    ['every row', true],
  ])("gives PyTorch's loss, accuracy and every gradient (%s)", async (_, hasFixedShapes) => {
    const component = await goldenComponent('masked-transformer');
    const model = await loadMaskedTransformer(backend, component);
    await expectGoldenLoss('masked-transformer', model, maskedTransformerParameters(model.config), batch, {
      hasFixedShapes,
    });
  });

  it('is log V for a model that knows nothing', async () => {
    const model = variableModel(backend, 11);
    (model.parameters.get('head.output.weight') as tf.Variable).assign(tf.zeros([21, V]));
    expect((await lossOf(model, batch)).loss).toBeCloseTo(Math.log(V), 5);
  });

  it('does not depend on the labels of tokens that are not masked', async () => {
    const model = variableModel(backend, 13);
    const first = await lossOf(model, batch);
    const change = (isCounted: number) => ({
      ...batch,
      labels: batch.labels.map((id, i) => (batch.lossMask[i] === isCounted ? (id + 1) % V : id)),
    });
    expect(await lossOf(model, change(0))).toEqual(first);
    expect((await lossOf(model, change(1))).loss).not.toBeCloseTo(first.loss, 3);
  });

  it('weighs every masked token of the batch alike', async () => {
    const model = variableModel(backend, 17);
    const whole = maskedTokenLoss(model, batch);
    let sum = 0;
    let count = 0;
    for (let image = 0; image < B; image++) {
      const part = <A extends { slice(start: number, end: number): A }>(of: A) => of.slice(image * S, (image + 1) * S);
      const { loss, numMasked } = maskedTokenLoss(model, {
        maskedIds: part(batch.maskedIds),
        labels: part(batch.labels),
        lossMask: part(batch.lossMask),
        isTextDropped: batch.isTextDropped!.slice(image, image + 1),
        textEmbeds: tf.slice(batch.textEmbeds, [image, 0, 0], [1, T, textDim]),
        textMask: tf.slice(batch.textMask, [image, 0], [1, T]),
      });
      sum += (await loss.data())[0]! * numMasked;
      count += numMasked;
    }
    expect(whole.numMasked).toBe(count);
    expect((await whole.loss.data())[0]).toBeCloseTo(sum / count, 5);
  });

  it('learns nothing of a text that is dropped', async () => {
    const model = variableModel(backend, 19);
    const embeds = (await batch.textEmbeds.data()) as Float32Array;
    const withText = (image: number, value: number) => {
      const changed = embeds.slice();
      changed[image * T * textDim] = value;
      return { ...batch, textEmbeds: tf.tensor3d(changed, [B, T, textDim]) };
    };
    const first = await lossOf(model, batch);
    expect(await lossOf(model, withText(2, 50))).toEqual(first);
    expect((await lossOf(model, withText(1, 50))).loss).not.toBeCloseTo(first.loss, 3);
  });

  it('leaves two scalars and nothing else', () => {
    const model = variableModel(backend, 31);
    const before = tf.memory().numTensors;
    const { loss, accuracy } = maskedTokenLoss(model, batch);
    expect(tf.memory().numTensors).toBe(before + 2);
    tf.dispose([loss, accuracy]);
    model.dispose();
  });

  it('says what does not fit', () => {
    const model = variableModel(backend, 37);
    const refuses = (overrides: Partial<MaskedBatch>, message: RegExp) => {
      expect(() => maskedTokenLoss(model, { ...batch, ...overrides })).toThrow(ShapeError);
      expect(() => maskedTokenLoss(model, { ...batch, ...overrides })).toThrow(message);
    };
    refuses({ labels: new Int32Array(5) }, /maskedTokenLoss: expected labels \[3 · 25\], got \[5\]/);
    refuses({ lossMask: new Float32Array(B * S) }, /at least one masked token, got none/);
    refuses({ isTextDropped: new Uint8Array(7) }, /isTextDropped \[3\], got \[7\]/);
    model.dispose();
  });
});

// A claim about the loss, not about a device; wasm is everywhere and the quickest at this size.
it('learns one batch by heart', async () => {
  const backend = await createBackend({ device: 'wasm' });
  const batch = await goldenBatch('masked-transformer');
  const model = variableModel(backend, 23, 1);
  const masking = sampleMasking({
    tokenIds: batch.labels,
    batchSize: B,
    seqLen: S,
    maskTokenId: V,
    condDropProb: 0,
    seed: 29,
    step: 0,
  });
  const optimizer = tf.train.adam(0.02);
  const learned = { ...masking, textEmbeds: batch.textEmbeds, textMask: batch.textMask };
  for (let step = 0; step < 100; step++) optimizer.minimize(() => maskedTokenLoss(model, learned).loss);
  const { accuracy } = maskedTokenLoss(model, learned);
  expect((await accuracy.data())[0]).toBe(1);
  optimizer.dispose();
  model.dispose();
  await backend.dispose();
});
