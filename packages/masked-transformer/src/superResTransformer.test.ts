import { type Backend, ShapeError, WeightError } from '@muse/backend';
import { describeBackends } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import {
  goldenBatch,
  goldenComponent,
  goldenTensors,
  largestDifference,
  superResSizes,
  variableSuperRes,
} from '../test/golden.js';
import { expectGoldenLoss } from '../test/goldenLoss.js';
import { loadSuperResTransformer } from './loadTransformers.js';
import { superResTransformerParameters } from './parameters.js';
import { SuperResTransformer } from './superResTransformer.js';

const { B, T, S, V, textDim, numCoarse, coarseV } = superResSizes;
const tolerance = 1e-4;

describeBackends('SuperResTransformer', (running) => {
  let backend: Backend;
  let model: SuperResTransformer;
  let tokenIds: tf.Tensor2D;
  let coarseTokenIds: tf.Tensor2D;
  let textEmbeds: tf.Tensor3D;
  let textMask: tf.Tensor2D;
  let expected: Map<string, tf.Tensor>;
  beforeAll(async () => {
    backend = running();
    if (!backend) return; // the device is missing: its tests are skipped
    model = await loadSuperResTransformer(backend, await goldenComponent('super-res-transformer'));
    const inputs = await goldenTensors('super-res-transformer', 'inputs');
    expected = await goldenTensors('super-res-transformer', 'expected');
    tokenIds = inputs.get('masked_ids') as tf.Tensor2D;
    coarseTokenIds = inputs.get('coarse_ids') as tf.Tensor2D;
    textEmbeds = inputs.get('text_embeds') as tf.Tensor3D;
    textMask = inputs.get('text_mask') as tf.Tensor2D;
  });

  const logitsOf = (given: { ids?: tf.Tensor2D; coarse?: tf.Tensor2D; embeds?: tf.Tensor3D; mask?: tf.Tensor2D }) =>
    tf.tidy(() => {
      const { ids = tokenIds, coarse = coarseTokenIds, embeds = textEmbeds, mask = textMask } = given;
      const prepared = model.prepare({ textEmbeds: embeds, textMask: mask, coarseTokenIds: coarse });
      return model.forward(ids, prepared);
    });
  const noText = () => tf.zerosLike(textMask);

  it("prepares PyTorch's keys and values of the text and the coarse tokens", async () => {
    const prepared = model.prepare({ textEmbeds, textMask, coarseTokenIds });
    for (const layer of [0, 1]) {
      expect(await largestDifference(prepared.keys[layer]!, expected.get(`keys.${layer}`)!)).toBeLessThan(tolerance);
      expect(await largestDifference(prepared.values[layer]!, expected.get(`values.${layer}`)!)).toBeLessThan(
        tolerance,
      );
    }
    prepared.dispose();
  });

  it("gives PyTorch's logits with text and without", async () => {
    expect(await largestDifference(logitsOf({}), expected.get('logits')!)).toBeLessThan(tolerance);
    expect(await largestDifference(logitsOf({ mask: noText() }), expected.get('logits_no_text')!)).toBeLessThan(
      tolerance,
    );
  });

  it.each([
    ['masked rows', false],
    ['every row', true],
  ])("gives PyTorch's loss, accuracy and every gradient (%s)", async (_, hasFixedShapes) => {
    const trained = await loadSuperResTransformer(backend, await goldenComponent('super-res-transformer'));
    const batch = { ...(await goldenBatch('super-res-transformer')), coarseTokenIds };
    const specs = superResTransformerParameters(trained.config);
    await expectGoldenLoss('super-res-transformer', trained, specs, batch, { hasFixedShapes });
  });

  // Other ports of the paper compute the same fine logits whatever the coarse image is.
  it('changes every logit of an image when one of its coarse tokens changes, with text and without', async () => {
    for (const mask of [textMask, noText()]) {
      const first = logitsOf({ mask });
      const ids = (await coarseTokenIds.data()).slice() as Int32Array;
      ids[numCoarse + 4] = (ids[numCoarse + 4]! + 1) % coarseV;
      const coarse = tf.tensor2d(ids, [B, numCoarse], 'int32');
      const moved = tf.min(tf.max(tf.abs(tf.sub(logitsOf({ coarse, mask }), first)), 2), 1); // f32 [B], of the least moved
      const [before, changed, after] = await moved.data();
      expect(changed).toBeGreaterThan(1e-3);
      expect(Math.max(before!, after!)).toBe(0);
    }
  });

  it('does not let the text into the unconditional branch', async () => {
    const other = tf.randomNormal([B, T, textDim], 0, 5, 'float32', 7) as tf.Tensor3D;
    const first = logitsOf({ mask: noText() });
    expect(await largestDifference(logitsOf({ embeds: other, mask: noText() }), first)).toBeLessThan(1e-6);
    expect(await largestDifference(logitsOf({ embeds: other }), first)).toBeGreaterThan(0.1);
  });

  it('computes each image of a batch as if it were alone', async () => {
    const together = logitsOf({});
    for (let image = 0; image < B; image++) {
      const alone = logitsOf({
        ids: tf.slice(tokenIds, [image, 0], [1, S]),
        coarse: tf.slice(coarseTokenIds, [image, 0], [1, numCoarse]),
        embeds: tf.slice(textEmbeds, [image, 0, 0], [1, T, textDim]),
        mask: tf.slice(textMask, [image, 0], [1, T]),
      });
      expect(await largestDifference(alone, tf.slice(together, [image, 0, 0], [1, S, V]))).toBeLessThan(1e-5);
    }
  });

  it('gives back what it takes', () => {
    const before = tf.memory().numTensors;
    const prepared = model.prepare({ textEmbeds, textMask, coarseTokenIds });
    expect(tf.memory().numTensors - before).toBe(2 * 2 + 2); // keys, values, two masks
    model.forward(tokenIds, prepared).dispose();
    prepared.dispose();
    expect(tf.memory().numTensors).toBe(before);
    const other = variableSuperRes(backend, 5);
    expect(tf.memory().numTensors).toBe(before + other.parameters.size);
    other.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what does not fit', () => {
    const given = { textEmbeds, textMask, coarseTokenIds };
    const refuses = (overrides: Partial<typeof given>, message: RegExp) => {
      expect(() => model.prepare({ ...given, ...overrides })).toThrow(ShapeError);
      expect(() => model.prepare({ ...given, ...overrides })).toThrow(message);
    };
    refuses({ textEmbeds: tf.zeros([B, T, 7]) }, /prepare: expected textEmbeds \[B, T, 13\], got \[3, 11, 7\]/);
    refuses({ coarseTokenIds: tf.zeros([B, 4], 'int32') }, /prepare: expected coarseTokenIds \[3, 9\], got \[3, 4\]/);
    refuses({ coarseTokenIds: tf.zeros([B, numCoarse]) }, /expected coarseTokenIds of int32, got float32/);
    const prepared = model.prepare(given);
    expect(() => model.forward(tf.zeros([B, S + 1], 'int32'), prepared)).toThrow(
      /forward: expected tokenIds \[3, 36\], got \[3, 37\]/,
    );
    prepared.dispose();
    expect(() => new SuperResTransformer(backend, model.config, new Map())).toThrow(WeightError);
    expect(() => new SuperResTransformer(backend, model.config, new Map())).toThrow(/\] SuperResTransformer: expected/);
  });
});
