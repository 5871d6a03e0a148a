import * as tf from '@tensorflow/tfjs';
import { matMul } from './matMul.js';

/**
 * BatchMatMul by our own product. tfjs has XNNPACK for one product of untransposed matrices only, and keeps a second copy
 * of its right-hand matrix; all else are three plain loops.
 */
export function batchMatMul(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { a, b } = call.inputs as { a: tf.Tensor; b: tf.Tensor };
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const batchA = tf.util.sizeFromShape(a.shape.slice(0, -2));
    const batchB = tf.util.sizeFromShape(b.shape.slice(0, -2));
    const isBroadcast = batchA !== batchB && batchA !== 1 && batchB !== 1;
    const isEmpty = a.size === 0 || b.size === 0;
    if (isBroadcast || isEmpty || a.dtype !== 'float32' || b.dtype !== 'float32') return original!(call);

    const [M, K] = (transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2)) as [number, number];
    const N = b.shape.at(transposeB ? -2 : -1)!;
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const shape = [...batch, M, N];
    // One matrix on the right: the batch is only more rows.
    if (batchB === 1 && !transposeA) return matMul({ a, b, shape, sizes: { M: batchA * M, K, N }, transposeB });
    const size = Math.max(batchA, batchB);
    return matMul({ a, b, shape, sizes: { M, K, N }, transposeA, transposeB, batch: { size, a: batchA, b: batchB } });
  };
}
