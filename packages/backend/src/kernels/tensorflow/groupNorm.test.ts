import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { referenceOps } from '../../ops/referenceOps.js';

describeBackends(
  'group norm by batch norm',
  (backend) => {
    it.each([
      { shape: [1, 7, 11, 6], numGroups: 3, epsilon: 1e-6, offset: 0 },
      { shape: [1, 13, 5, 10], numGroups: 2, epsilon: 0.1, offset: 40 },
      { shape: [1, 3, 2, 5], numGroups: 1, epsilon: 1e-5, offset: -3 },
      { shape: [1, 2, 1, 14], numGroups: 14, epsilon: 1e-6, offset: 0 },
      { shape: [1, 1, 1, 6], numGroups: 2, epsilon: 1e-6, offset: 1 },
      { shape: [3, 5, 7, 4], numGroups: 2, epsilon: 1e-6, offset: 2 },
    ])(
      "of $shape in $numGroups groups around $offset is the reference's",
      async ({ shape, numGroups, epsilon, offset }) => {
        const { tf, ops } = backend();
        await expectNoLeaks(backend(), async () => {
          const C = shape[3]!;
          // Channels that differ in mean and spread: else the statistics of a channel would pass for those of its group.
          const x = tf.tidy(() => {
            const spread = tf.add(tf.range(0, C), 1);
            const noise = tf.randomNormal(shape, 0, 1, 'float32', 1);
            return tf.add(tf.add(tf.mul(noise, spread), spread), offset) as Tensor4D;
          });
          const [weight, bias] = [2, 3].map((seed) => tf.randomNormal([C], 0, 1, 'float32', seed) as Tensor1D);
          const expected = referenceOps.groupNorm(x, weight!, bias!, numGroups, epsilon);
          const value = ops.groupNorm(x, weight!, bias!, numGroups, epsilon);
          await expectTensorClose(value, { shape, data: await expected.data() }, { absolute: 2e-5, relative: 2e-5 });
          tf.dispose([x, weight, bias, expected, value].flatMap((tensor) => tensor ?? []));
        });
      },
    );

    it('has a gradient', () => {
      const { tf, ops } = backend();
      const x = tf.randomNormal([1, 3, 5, 4], 0, 1, 'float32', 1) as Tensor4D;
      const weight = tf.ones([4]) as Tensor1D;
      const gradient = tf.grad((images) => ops.groupNorm(images as Tensor4D, weight, tf.zeros([4]), 2))(x);
      expect(gradient.shape).toEqual(x.shape);
    });
  },
  { devices: ['tensorflow'] },
);
