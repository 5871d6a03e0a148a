import { describeBackends, expectTensorClose } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { callKernel } from '../callKernel.js';
import { originalKernel } from '../replaceKernel.js';

describeBackends(
  'faster kernels',
  (backend) => {
    it.each([
      { shape: [7, 11], axis: [0], keepDims: false },
      { shape: [7, 31], axis: [0], keepDims: false },
      { shape: [2, 3, 5, 7], axis: [0, 1, 2], keepDims: false },
      { shape: [2, 3, 5, 7], axis: [0], keepDims: false },
      { shape: [2, 3, 5, 7], axis: [2, 3], keepDims: false },
      { shape: [2, 3, 5, 7], axis: [1], keepDims: false },
      { shape: [2, 3, 5, 7], axis: [0, 1], keepDims: true },
      { shape: [2, 3], axis: [0, 1], keepDims: false },
      { shape: [2, 37], axis: [-2], keepDims: false },
    ])('sum of $shape over $axis (keepDims $keepDims) is that of TensorFlow', async ({ shape, axis, keepDims }) => {
      const { tf } = backend();
      const x = tf.randomNormal(shape, 0, 1, 'float32', 1);
      const expected = callKernel(originalKernel('tensorflow', 'Sum')!, { x }, { axis, keepDims });
      const before = tf.memory().numTensors;
      const sum = tf.sum(x, axis, keepDims);
      expect(tf.memory().numTensors).toBe(before + 1);
      await expectTensorClose(sum, { shape: expected.shape, data: await expected.data() }, 1e-5);
      tf.dispose([x, expected, sum]);
    });

    it('sums all without an axis, and integers', async () => {
      const { tf } = backend();
      const all = tf.sum(tf.ones([2, 3, 5]));
      expect([...(await all.data())]).toEqual([30]);
      const whole = tf.sum(tf.ones([2, 3], 'int32'), 0);
      expect(whole.dtype).toBe('int32');
      expect([...(await whole.data())]).toEqual([2, 2, 2]);
    });

    it('gives the same bits in each run, gradients included', async () => {
      const { tf, ops } = backend();
      const x = tf.randomNormal([8, 64, 97], 0, 1, 'float32', 1);
      const weight = tf.randomNormal([97, 89], 0, 1, 'float32', 2) as ReturnType<typeof tf.tensor2d>;
      const bias = tf.zeros([89]) as ReturnType<typeof tf.tensor1d>;
      const runs = new Set<string>();
      for (let run = 0; run < 5; run++) {
        const gradients = tf.grads((a, b, c) => ops.gelu(ops.linear(a!, b as never, c as never)))([x, weight, bias]);
        runs.add((await Promise.all(gradients.map(async (gradient) => (await gradient.data()).join()))).join());
        tf.dispose(gradients);
      }
      expect(runs.size).toBe(1);
    });
  },
  { devices: ['tensorflow'] },
);
