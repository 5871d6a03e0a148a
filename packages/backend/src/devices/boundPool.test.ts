import { describeBackends } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

const MIB = 2 ** 20;

describeBackends(
  'the pool of GPU buffers',
  (backend) => {
    const pool = () => {
      const { numBytesAllocatedInGPU: allocated, numBytesInGPU: used } = backend().tf.memory() as unknown as Record<
        string,
        number
      >;
      return { allocated: allocated!, free: allocated! - used! };
    };

    it('keeps no more than 128 MiB of buffers that nobody uses', async () => {
      const { tf } = backend();
      // Eighteen of about 16 MiB each at once, then none.
      const tensors = Array.from({ length: 18 }, (_, i) => tf.fill([1024, 4096 + i], i));
      await backend().checkErrors();
      tf.dispose(tensors);
      await backend().checkErrors();
      expect(pool().free).toBeLessThanOrEqual(128 * MIB);
      expect(pool().free).toBeGreaterThan(100 * MIB); // what fits is kept
      const sum = tf.sum(tf.fill([1024, 4096], 2)); // and of use
      expect([...(await sum.data())]).toEqual([2 * 1024 * 4096]);
    });

    it('has new shapes take the place of old ones, those that were freed first', async () => {
      const { tf } = backend();
      const created: number[] = [];
      const { device } = tf.backend() as unknown as { device: GPUDevice };
      const { createBuffer } = device;
      device.createBuffer = (descriptor) => {
        created.push(descriptor.size);
        return createBuffer.call(device, descriptor);
      };
      const use = async (width: number) => {
        created.length = 0;
        // 96 MiB at once.
        const tensors: Tensor[] = Array.from({ length: 6 }, (_, i) => tf.fill([1024, width + i], 1));
        await backend().checkErrors();
        const { free } = pool();
        tf.dispose(tensors);
        return { free, numCreated: created.filter((size) => size >= MIB).length };
      };
      try {
        await use(4100);
        const { free, numCreated } = await use(4200);
        expect(numCreated).toBe(6);
        expect(free).toBeLessThanOrEqual(64 * MIB); // of the 96 MiB before
        expect((await use(4200)).numCreated).toBe(0);
      } finally {
        delete (device as Partial<GPUDevice>).createBuffer;
      }
    });

    it('is empty when memory is to be freed', async () => {
      const { tf } = backend();
      tf.dispose([tf.fill([1024, 4500], 1), tf.fill([1024, 4501], 1)]);
      await backend().freeMemory();
      expect(pool().free).toBe(0);
      const sum = tf.sum(tf.fill([1024, 4500], 2));
      expect([...(await sum.data())]).toEqual([2 * 1024 * 4500]);
      sum.dispose();
    });

    it('destroys no buffer of an upload that waits', async () => {
      const { tf } = backend();
      const others = Array.from({ length: 18 }, (_, i) => tf.fill([1024, 4400 + i], i));
      tf.fill([1024, 4300], 1).dispose();
      await backend().checkErrors();
      tf.tensor2d(new Float32Array(1024 * 4300), [1024, 4300]).dispose(); // takes its buffer: a copy is to come
      tf.dispose(others); // too many: those that were freed first are destroyed
      await backend().checkErrors();
    });
  },
  { devices: ['webgpu'] },
);
