import { describeBackends, expectTensorClose } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { differentiable } from './differentiable.js';

describeBackends(
  'differentiable',
  (backend) => {
    const squareTimes = (x: Tensor, factor: Tensor, asked: string[]) =>
      differentiable({
        inputs: { x, factor },
        forward(save) {
          save([x, factor]);
          return backend().tf.mul(backend().tf.square(x), factor);
        },
        backward: (dy, [input, scale]) => ({
          x() {
            asked.push('x');
            return dy.mul(input!.mul(scale!).mul(2));
          },
          factor() {
            asked.push('factor');
            return dy.mul(input!.square());
          },
        }),
      });

    it('computes the gradients that are asked for, and no others', async () => {
      const { tf } = backend();
      const [x, factor] = [tf.scalar(3), tf.scalar(5)];
      const asked: string[] = [];
      const dx = tf.grad((input) => squareTimes(input, factor, asked))(x);
      await expectTensorClose(dx, { shape: [], data: [30] }, 0);
      expect(asked).toEqual(['x']);
      const [, dFactor] = tf.grads((a, b) => squareTimes(a!, b!, asked))([x, factor]);
      await expectTensorClose(dFactor!, { shape: [], data: [9] }, 0);
      expect(asked).toEqual(['x', 'x', 'factor']);
    });

    it('keeps nothing when no gradient is recorded', () => {
      const { tf } = backend();
      const [x, factor] = [tf.scalar(3), tf.scalar(5)];
      const before = tf.memory().numTensors;
      squareTimes(x, factor, []).dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  },
  { devices: ['cpu'] },
);
