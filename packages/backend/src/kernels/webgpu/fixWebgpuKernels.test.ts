import { describeBackends, expectTensorClose } from '@muse/test-utils';
import { expect, it } from 'vitest';

describeBackends(
  'corrected kernels',
  (backend) => {
    it('gives the same bits for a product with a long inner axis, in each of ten runs', async () => {
      const { tf } = backend();
      const a = tf.randomNormal([37, 4096], 0, 1, 'float32', 1);
      const b = tf.randomNormal([4096, 61], 0, 1, 'float32', 2);
      const runs: string[] = [];
      for (let run = 0; run < 10; run++) {
        const product = tf.matMul(a, b);
        runs.push((await product.data()).join());
        product.dispose();
      }
      expect(new Set(runs).size).toBe(1);
      // The same product as two halves, so that the small tiles are also right.
      const halves = tf.tidy(() => {
        const [left, right] = [tf.split(a, 4, 1), tf.split(b, 4, 0)];
        return tf.addN(left.map((part, i) => tf.matMul(part, right[i]!)));
      });
      const expected = { shape: [37, 61], data: await halves.data() };
      const product = tf.matMul(a, b);
      await expectTensorClose(product, expected, { absolute: 1e-3, relative: 1e-4 });
      tf.dispose([a, b, halves, product]);
    });
  },
  { devices: ['webgpu'] },
);
