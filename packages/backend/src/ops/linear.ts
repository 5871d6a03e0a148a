import * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.js';

/** @see Ops.linear */
export function linear(x: tf.Tensor, weight: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor {
  const [I, O] = weight.shape;
  return differentiable({
    inputs: { x, weight, bias },
    // One product of two matrices: the batched one is slow on wasm, and its gradient throws for a broadcast batch.
    forward(save) {
      const rows = tf.reshape(x, [-1, I]) as tf.Tensor2D; // f32 [M, I]
      save([rows, weight]);
      const out = tf.matMul(rows, weight); // f32 [M, O]
      return tf.reshape(bias ? tf.add(out, bias) : out, [...x.shape.slice(0, -1), O]);
    },
    backward(dy, saved) {
      const [rows, matrix] = saved as [tf.Tensor2D, tf.Tensor2D];
      const dOut = tf.reshape(dy, [-1, O]) as tf.Tensor2D;
      return {
        x: () => tf.reshape(tf.matMul(dOut, matrix, false, true), x.shape),
        weight: () => tf.matMul(rows, dOut, true, false),
        bias: () => tf.sum(dOut, 0),
      };
    },
  });
}
