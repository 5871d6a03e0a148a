import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { ShapeError, UnsupportedBackendError } from '../../index.js';
import { unpackWeight } from './packedWeights.js';

describeBackends(
  'packed weights',
  (backend) => {
    it('rounds to halves and to 127ths of the greatest of a column', async () => {
      await expectNoLeaks(backend(), async () => {
        const { tf } = backend();
        const weight = tf.tensor2d([1, -2, 0, 4, 0.3333, 1, 0, 3, -0.1, 0.0157, 0, -70_000], [3, 4]);
        const halves = backend().packWeight(weight, 'f16');
        const bytes = backend().packWeight(weight, 'q8');
        const [fromHalves, fromBytes] = [unpackWeight(halves), unpackWeight(bytes)];
        expect(halves.shape).toEqual([3, 4]);
        // Halves have eleven bits: 0.3333 is 1365/4096, 0.1 is 1638/16384; beyond their range is their greatest.
        const half = [1, -2, 0, 4, 1365 / 4096, 1, 0, 3, -1638 / 16384, 0.0157012939453125, 0, -65_504];
        await expectTensorClose(fromHalves, { shape: [3, 4], data: half }, 0);
        const byte = [1, -2, 0, 0, 42 / 127, 2 * (64 / 127), 0, 0, -13 / 127, 2 / 127, 0, -70_000];
        await expectTensorClose(fromBytes, { shape: [3, 4], data: byte }, 1e-6);
        tf.dispose([weight, halves, bytes, fromHalves, fromBytes]);
      });
    });

    it('rounds what is multiplied in halves or bytes to the same, without a limit', async ({ skip }) => {
      if (!backend().dtypes.includes('w16a16')) skip('this adapter has no shader-f16');
      await expectNoLeaks(backend(), async () => {
        const { tf } = backend();
        const weight = tf.tensor2d([1, -2, 0, 4, 0.3333, 1, 0, 3, -0.1, 0.0157, 0, -70_000], [3, 4]);
        const halves = backend().packWeight(weight, 'w16a16');
        const bytes = backend().packWeight(weight, 'w8a8');
        const [fromHalves, fromBytes] = [unpackWeight(halves), unpackWeight(bytes)];
        // The power of two above 70,000 is 2^17: 70,000 / 64 is 1093.75, which eleven bits round to 1094.
        const half = [1, -2, 0, 4, 1365 / 4096, 1, 0, 3, -1638 / 16384, 0.0157012939453125, 0, -70_016];
        await expectTensorClose(fromHalves, { shape: [3, 4], data: half }, 0);
        const byte = [1, -2, 0, 0, 42 / 127, 2 * (64 / 127), 0, 0, -13 / 127, 2 / 127, 0, -70_000];
        await expectTensorClose(fromBytes, { shape: [3, 4], data: byte }, 1e-6);
        tf.dispose([weight, halves, bytes, fromHalves, fromBytes]);
      });
    });

    it('refuses widths that do not fit words', () => {
      const { tf } = backend();
      const weight = tf.zeros([4, 6]);
      expect(() => backend().packWeight(weight, 'f16')).toThrow(ShapeError);
      expect(() => backend().packWeight(weight, 'f16')).toThrow('divisible by 4, got float32 [4, 6]');
      weight.dispose();
    });
  },
  { devices: ['webgpu'] },
);

describeBackends(
  'packed weights elsewhere',
  (backend) => {
    it('are refused', () => {
      const weight = backend().tf.zeros([4, 4]);
      expect(() => backend().packWeight(weight, 'q8')).toThrow(UnsupportedBackendError);
      weight.dispose();
    });
  },
  { devices: ['cpu'] },
);
