import { describeBackends } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { callKernel } from '../callKernel.js';
import { originalKernel } from '../replaceKernel.js';

describeBackends(
  'corrected kernels',
  (backend) => {
    it('resizeNearestNeighbor sums the gradient of each image of a batch over its own pixels', async () => {
      const { tf } = backend();
      const images = tf.zeros([2, 1, 1, 1]);
      // Each image is one pixel, doubled to four: its gradient is the sum of the four.
      const dy = tf.tensor4d([1, 2, 3, 4, 10, 20, 30, 40], [2, 2, 2, 1]);
      const attrs = { alignCorners: false, halfPixelCenters: false, size: [2, 2] };
      const right = tf.engine().runKernel('ResizeNearestNeighborGrad', { images, dy }, attrs);
      expect([...(await (right as typeof dy).data())]).toEqual([10, 100]);

      const original = originalKernel('cpu', 'ResizeNearestNeighborGrad')!;
      const wrong = callKernel(original, { images, dy }, attrs);
      expect([...(await wrong.data())]).not.toEqual([10, 100]); // tfjs's bug
      tf.dispose([images, dy, wrong]);
      tf.dispose(right);
    });
  },
  { devices: ['cpu'] },
);
