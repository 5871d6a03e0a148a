import { describeBackends } from '@muse/test-utils';
import { expect, it } from 'vitest';

describeBackends(
  'the pool of GPU buffers',
  (backend) => {
    it('keeps no more than 128 MiB of buffers that nobody uses', async () => {
      const { tf } = backend();
      const before = tf.memory() as unknown as { numBytesAllocatedInGPU: number };
      // Eighteen shapes of about 16 MiB each, one after another.
      for (let i = 0; i < 18; i++) tf.fill([1024, 4096 + i], i).dispose();
      await backend().checkErrors();
      const after = tf.memory() as unknown as { numBytesAllocatedInGPU: number };
      const MIB = 2 ** 20;
      expect(after.numBytesAllocatedInGPU - before.numBytesAllocatedInGPU).toBeLessThanOrEqual(128 * MIB);
      expect(after.numBytesAllocatedInGPU).toBeGreaterThan(0); // what fits is kept
      const sum = tf.sum(tf.fill([1024, 4096], 2)); // and of use
      expect([...(await sum.data())]).toEqual([2 * 1024 * 4096]);
    });
  },
  { devices: ['webgpu'] },
);
