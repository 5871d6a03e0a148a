import { type Backend, createBackend } from '@muse/backend';
import { type Atlas, renderScene, sampleScene } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluateReconstruction, type ImageTokenizer } from './evaluateReconstruction.js';

let backend: Backend;
let atlas: Atlas;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
  atlas = await loadAtlas();
});
afterAll(() => backend.dispose());

/** A tokenizer of 8 × 8 pixels to a token whose codes are `levels` of gray: the nearest to the mean of the pixels. */
function grayTokenizer(levels: readonly number[]): ImageTokenizer {
  const { tf } = backend;
  return {
    config: { codebookSize: levels.length },
    encode(images: Tensor4D) {
      const means = tf.avgPool(tf.mean(images, 3, true) as Tensor4D, 8, 8, 'valid'); // f32 [B, h, w, 1]
      return tf.argMin(tf.abs(tf.sub(means, tf.tensor1d([...levels]))), 3);
    },
    decode(tokenIds: Tensor3D) {
      const grays = tf.expandDims(tf.gather(tf.tensor1d([...levels]), tokenIds), 3) as Tensor4D; // f32 [B, h, w, 1]
      return tf.tile(tf.image.resizeNearestNeighbor(grays, [64, 64]), [1, 1, 1, 3]);
    },
  };
}

/** Mean squared distance of each held-out scene to one level of gray, by hand. */
const errorsTo = (level: number, count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => {
    const pixels = renderScene(atlas, sampleScene({ seed: seed * 2 ** 32 + i, split: 'heldOut' }));
    return pixels.reduce((sum, x) => sum + (x - level) ** 2, 0) / pixels.length;
  });
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

describe('evaluateReconstruction', () => {
  test('gives the PSNR of each image and of all', async () => {
    const report = await evaluateReconstruction({ backend, vqgan: grayTokenizer([0.4]), atlas, count: 23, seed: 2 });
    const errors = errorsTo(0.4, 23, 2);
    expect(report.meanSquaredError).toBeCloseTo(mean(errors), 5);
    expect(report.psnrOfMean).toBeCloseTo(-10 * Math.log10(mean(errors)), 3);
    expect(report.meanPsnr).toBeCloseTo(mean(errors.map((error) => -10 * Math.log10(error))), 3);
    expect(report.meanPsnr).toBeGreaterThan(report.psnrOfMean);
    expect(report).toMatchObject({ codesUsed: 1, codebookSize: 1, count: 23 });
  });

  test('clips what a decoder gives beyond [0, 1]', async () => {
    const { psnrOfMean } = await evaluateReconstruction({ backend, vqgan: grayTokenizer([3]), atlas, count: 3 });
    expect(psnrOfMean).toBeCloseTo(-10 * Math.log10(mean(errorsTo(1, 3, 0))), 3);
  });

  test('counts the codes that were used', async () => {
    const vqgan = grayTokenizer([0, 0.25, 0.5, 0.75, 1, 7, 8]);
    const { codesUsed, codebookSize } = await evaluateReconstruction({ backend, vqgan, atlas, count: 40 });
    expect([codesUsed, codebookSize]).toEqual([5, 7]);
  });

  test('counts a perfect copy as 100 dB', async () => {
    const { tf } = backend;
    const kept: Tensor4D[] = [];
    const vqgan: ImageTokenizer = {
      config: { codebookSize: 1 },
      encode(images) {
        kept[0] = tf.keep(tf.clone(images));
        return tf.zeros([images.shape[0], 8, 8], 'int32');
      },
      decode: () => kept[0]!,
    };
    const { meanPsnr, psnrOfMean } = await evaluateReconstruction({ backend, vqgan, atlas, count: 2 });
    expect([meanPsnr, psnrOfMean]).toEqual([100, 100]);
    tf.dispose(kept);
  });

  test('leaves no tensors, and ends when it is told to', async () => {
    const vqgan = grayTokenizer([0.5]);
    const before = backend.tf.memory().numTensors;
    await evaluateReconstruction({ backend, vqgan, atlas, count: 21 });
    expect(backend.tf.memory().numTensors).toBe(before);
    const signal = AbortSignal.abort();
    await expect(evaluateReconstruction({ backend, vqgan, atlas, count: 1, signal })).rejects.toThrow(/abort/i);
  });

  test.each([0, 2.5])('refuses a count of %d', async (count) => {
    const run = evaluateReconstruction({ backend, vqgan: grayTokenizer([0]), atlas, count });
    await expect(run).rejects.toThrow('expected count to be a positive integer');
  });
});
