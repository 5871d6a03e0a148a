import * as tf from '@tensorflow/tfjs';
import { callKernel } from '../callKernel.js';

/**
 * _FusedMatMul (product, bias, activation) without tfjs's plain loops, which add the bias once per block of 48 inner
 * elements: transposed operands are transposed first, and a batch is taken apart.
 */
export function fusedMatMul(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { a, b, bias, preluActivationWeights } = call.inputs as { a: tf.Tensor; b: tf.Tensor } & tf.NamedTensorMap;
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const batchA = tf.util.sizeFromShape(a.shape.slice(0, -2));
    const batchB = tf.util.sizeFromShape(b.shape.slice(0, -2));
    if (!transposeA && !transposeB && batchA === 1 && batchB === 1) return original!(call);
    return tf.tidy(() => {
      const left = transposeA ? swapLastAxes(a) : a; // f32 [..., M, K]
      const right = transposeB ? swapLastAxes(b) : b; // f32 [..., K, N]
      const [M, K] = left.shape.slice(-2) as [number, number];
      const N = right.shape.at(-1)!;
      const leftItems = tf.split(tf.reshape(left, [batchA, M, K]), batchA);
      const rightItems = tf.split(tf.reshape(right, [batchB, K, N]), batchB);
      const numItems = Math.max(batchA, batchB);
      const items = Array.from({ length: numItems }, (_, item) => {
        const inputs: tf.NamedTensorMap = { a: leftItems[item % batchA]!, b: rightItems[item % batchB]! };
        if (bias) inputs.bias = bias;
        if (preluActivationWeights) inputs.preluActivationWeights = preluActivationWeights;
        return callKernel(original!, inputs, { ...call.attrs, transposeA: false, transposeB: false });
      });
      const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
      return tf.reshape(tf.concat(items), [...batch, M, N]);
    });
  };
}

function swapLastAxes(x: tf.Tensor): tf.Tensor {
  const axes = Array.from({ length: x.rank }, (_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2]);
}
