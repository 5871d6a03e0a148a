import { describeBackends } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

const MIB = 2 ** 20;

describeBackends(
  'freed tensors',
  (backend) => {
    it('are used again before fifteen commands are full', async () => {
      const { tf } = backend();
      const pool = () => tf.memory() as unknown as { numBytesAllocatedInGPU: number };
      const start = tf.fill([1024, 2047], 1);
      const before = pool().numBytesAllocatedInGPU;
      let x: Tensor = start;
      for (let i = 0; i < 14; i++) {
        const next = tf.add(x, 1);
        if (x !== start) x.dispose();
        x = next;
      }
      // Of 8 MiB each: those that wait (32 MiB), one that has just been freed, and two in use. All would be 112 MiB.
      expect(pool().numBytesAllocatedInGPU - before).toBeLessThan(57 * MIB);
      expect((await x.data()).every((value) => value === 15)).toBe(true);
      tf.dispose([start, x]);
    });
  },
  { devices: ['webgpu'] },
);
