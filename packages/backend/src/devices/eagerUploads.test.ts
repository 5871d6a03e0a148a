import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it } from 'vitest';
import type { TfjsWebgpu } from '../plan/tfjsWebgpu.js';

describeBackends(
  'uploads',
  (backend) => {
    it('are made at once for large tensors, whose values the process does not keep', async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const dataOf = (tensor: { dataId: object }) =>
          (tf.backend() as unknown as TfjsWebgpu).tensorMap.get(tensor.dataId);
        const small = tf.tensor1d([1, 2, 3]);
        // Of 128 MiB in all, so that some are handed in before the others are made.
        const large = Array.from({ length: 8 }, (_, i) => tf.tensor1d(new Float32Array(2 ** 22).fill(i), 'float32'));
        const flags = tf.tensor1d(new Int32Array(2 ** 18).fill(7), 'int32');
        expect(dataOf(small).resource).toBeUndefined();
        for (const tensor of [...large, flags]) {
          expect(dataOf(tensor).resource).toBeInstanceOf(GPUBuffer);
          expect(dataOf(tensor).values).toBeNull();
        }
        for (const [i, tensor] of large.entries()) {
          const ends = tf.tidy(() => tf.stack([tf.slice(tensor, 0, 2), tf.slice(tensor, 2 ** 22 - 2, 2)]));
          expect([...(await ends.data())]).toEqual([i, i, i, i]);
          ends.dispose();
        }
        expect((await flags.data()).every((value) => value === 7)).toBe(true);
        await backend().checkErrors();
        tf.dispose([small, flags, ...large]);
      });
    });
  },
  { devices: ['webgpu'] },
);
