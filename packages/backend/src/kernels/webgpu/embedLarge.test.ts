import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor2D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { embedLarge, isTooLargeToBind } from './embedLarge.js';

describeBackends(
  'a table that is bound in pieces',
  (backend) => {
    // Pieces of 64 rows and of 128, the last of 1 and of 72.
    it.each([
      { V: 257, D: 12, maxBytes: 64 * 12 * 4 },
      { V: 200, D: 7, maxBytes: 129 * 7 * 4 },
    ])('gives the rows that one binding gives: $V × $D in $maxBytes bytes', async ({ V, D, maxBytes }) => {
      const { tf, ops } = backend();
      await expectNoLeaks(backend(), async () => {
        const table = tf.randomNormal([V, D], 0, 1, 'float32', 5) as Tensor2D;
        const ids = tf.tensor2d([0, 63, 64, 65, 127, 128, V - 1, V - 2, 64, 1], [2, 5], 'int32');
        const [got, wanted] = [embedLarge(table, ids, maxBytes), ops.embedding(table, ids)];
        await expectTensorClose(got, { shape: [2, 5, D], data: await wanted.data() }, 0);
        await backend().checkErrors();
        got.dispose();
        // The pieces were the table's own buffer, which is still there.
        const again = embedLarge(table, ids, maxBytes);
        await expectTensorClose(again, { shape: [2, 5, D], data: await wanted.data() }, 0);
        tf.dispose([table, ids, wanted, again]);
      });
    });

    it('is one that is larger than what the device binds', () => {
      const { tf } = backend();
      const x = tf.zeros([3, 5]);
      expect(isTooLargeToBind(x)).toBe(false);
      expect(isTooLargeToBind({ size: 2 ** 40 } as typeof x)).toBe(true);
      x.dispose();
    });
  },
  { devices: ['webgpu'] },
);
