import { type Backend, createBackend } from '@muse/backend';
import { describeBackends, expectClose, expectNoLeaks } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codebookLoss, commitmentLoss, nearestCodes, quantize, straightThrough } from './quantizer.js';

/** Three codes in the plane and four latents near them, as an image of one row. */
const codes = [
  [0, 0],
  [4, 0],
  [0, 2],
];
const points = [
  [0.5, 0.5],
  [3, -1],
  [1, 1.75],
  [4, 1],
];

describeBackends('the quantizer', (backend) => {
  const latents = () => tf.tensor4d([[points]]); // f32 [1, 1, 4, 2]
  const codebook = () => tf.tensor2d(codes);

  it('takes the nearest code of each latent', async () => {
    const { tokenIds, quantized } = quantize(backend(), latents(), codebook());
    expect([tokenIds.dtype, tokenIds.shape]).toEqual(['int32', [1, 1, 4]]);
    expect([...(await tokenIds.data())]).toEqual([0, 1, 2, 1]);
    expect([...(await quantized.data())]).toEqual([0, 0, 4, 0, 0, 2, 4, 0]);
  });

  it('passes gradients straight through to the latents, and none to the codebook', async () => {
    const weights = [3, 5, 7, 11, 13, 17, 19, 23];
    const loss = (z: tf.Tensor, book: tf.Tensor) => {
      const { quantized } = quantize(backend(), z as tf.Tensor4D, book as tf.Tensor2D);
      const passed = straightThrough(backend(), z as tf.Tensor4D, quantized);
      return tf.sum(tf.mul(tf.square(passed), tf.tensor4d(weights, [1, 1, 4, 2])));
    };
    // d Σ w·q² / dq = 2·w·q at the quantized values, handed to z as it is.
    const gradient = tf.grad((z: tf.Tensor) => loss(z, codebook()))(latents());
    expect([...(await gradient.data())]).toEqual([0, 0, 2 * 7 * 4, 0, 0, 2 * 17 * 2, 2 * 19 * 4, 0]);
    const [z, book] = [tf.variable(latents()), tf.variable(codebook())];
    const { grads } = tf.variableGrads(() => loss(z, book) as tf.Scalar, [z, book]);
    expect(Object.keys(grads)).toEqual([z.name]);
  });

  it('has a commitment loss that pulls the latents to their codes', async () => {
    const { quantized } = quantize(backend(), latents(), codebook());
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => commitmentLoss(backend(), z as tf.Tensor4D, quantized))(
      latents(),
    );
    // Differences (.5 .5) (−1 −1) (1 −.25) (0 1): squares sum to .5 + 2 + 1.0625 + 1.
    expectClose(await value.data(), [4.5625 / 8], 1e-6);
    expectClose(
      await grad.data(),
      [0.5, 0.5, -1, -1, 1, -0.25, 0, 1].map((d) => (2 * d) / 8),
      1e-6,
    );
  });

  it('has a codebook loss that pulls codes to the latents that chose them', async () => {
    const tokenIds = tf.tensor3d([0, 1, 2, 1], [1, 1, 4], 'int32');
    const { value, grad } = tf.valueAndGrad((book: tf.Tensor) =>
      codebookLoss(backend(), book as tf.Tensor2D, latents(), tokenIds),
    )(codebook());
    expectClose(await value.data(), [4.5625 / 8], 1e-6);
    // Code 1 was chosen twice: its two pulls add up.
    const pulls = [-0.5, -0.5, 1 + 0, 1 - 1, -1, 0.25];
    expectClose(
      await grad.data(),
      pulls.map((d) => (2 * d) / 8),
      1e-6,
    );
  });

  it('leaks no tensor', async () => {
    const [z, book] = [latents(), codebook()];
    await expectNoLeaks(backend(), () => {
      tf.dispose({ ...quantize(backend(), z, book) });
      tf.tidy(() => void quantize(backend(), z, book));
      tf.dispose(tf.grad((x: tf.Tensor) => tf.sum(straightThrough(backend(), x as tf.Tensor4D, z)))(z));
    });
  });
});

describe('nearestCodes', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
  });
  afterAll(() => backend.dispose());

  it.each([1, 13, 39, 40, 13 * 17, 10_000])(
    'finds the same with at most %i distances at once',
    async (maxDistances) => {
      const rows = tf.randomNormal<tf.Rank.R2>([17, 5], 0, 1, 'float32', 3);
      const codebook = tf.randomNormal<tf.Rank.R2>([13, 5], 0, 1, 'float32', 7);
      const [x, e] = [await rows.array(), await codebook.array()];
      const distance = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
      const expected = x.map((row) => {
        const distances = e.map((code) => distance(row, code));
        return distances.indexOf(Math.min(...distances));
      });
      expect([...(await nearestCodes(backend, rows, codebook, maxDistances).data())]).toEqual(expected);
    },
  );
});
