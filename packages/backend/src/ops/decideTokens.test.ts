import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';

const MASK = 50;

describeBackends('a step of parallel decoding', (backend) => {
  it('lists masked positions first, then the others, of each row', async () => {
    const { tf, ops } = backend();
    await expectNoLeaks(backend(), async () => {
      const ids = tf.tensor2d([3, MASK, 4, MASK, 5, MASK, MASK, MASK, 6, 7], [2, 5], 'int32');
      for (const [count, wanted] of [
        [5, [1, 3, 0, 2, 4, 0, 1, 2, 3, 4]],
        [3, [1, 3, 0, 0, 1, 2]],
      ] as const) {
        const positions = ops.maskedPositions(ids, MASK, count);
        expect(positions.dtype).toBe('int32');
        await expectTensorClose(positions, { shape: [2, count], data: wanted }, 0);
        positions.dispose();
      }
      ids.dispose();
    });
  });

  it('decides the highest scores, the first of equal ones, and keeps what is known', async () => {
    const { tf, ops } = backend();
    await expectNoLeaks(backend(), async () => {
      const state = tf.tensor3d([
        [
          [3, MASK, MASK, MASK],
          [MASK, 4, MASK, MASK],
        ],
        [
          [3, 9, 9, 9],
          [9, 4, -1, 9],
        ],
        [
          [0, -7, -7, -7],
          [-7, 0, -7, -7],
        ],
      ]) as Tensor3D;
      // In the order of the masked positions; the last of each row is nobody's.
      const drawn = tf.tensor3d([
        [
          [11, -2],
          [12, -1],
          [13, -3],
          [0, 0],
        ],
        [
          [21, -1],
          [22, -1],
          [23, -1],
          [0, 0],
        ],
      ]) as Tensor3D;
      // Scores: −2, −1, −1 of weight 1; 4, 7, 5 of weight 0 (the Halton order), of which position 2 was without a distribution.
      const noise = tf.tensor2d([
        [100, 0, 0, 2],
        [4, 100, 7, 5],
      ]) as Tensor2D;
      const choice = tf.tensor2d([
        [1, 1, 9],
        [0, 2, 9],
      ]) as Tensor2D;
      const after = ops.decideTokens({ state, drawn, noise, choice }, MASK);
      const data = [
        ...[3, MASK, 12, MASK, MASK, 4, -1, 23],
        ...[3, 11, 12, 13, 21, 4, -1, 23],
        ...[0, -2, -1, -3, -1, 0, -1, -1],
      ];
      await expectTensorClose(after, { shape: [3, 2, 4], data }, 0);
      tf.dispose([state, drawn, noise, choice, after]);
    });
  });
});
