import * as tf from '@tensorflow/tfjs';
import { callKernel } from '../callKernel.js';
import { uninitialized, view } from './wasmHeap.js';

/**
 * BatchMatMul by XNNPACK in every case. tfjs uses XNNPACK for one product of untransposed matrices only, and three
 * plain loops, 14 times as slow, for all else; so: transpose first, then one product per item of the batch.
 */
export function batchMatMul(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const a = call.inputs.a as tf.Tensor;
    const b = call.inputs.b as tf.Tensor;
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const batchA = tf.util.sizeFromShape(a.shape.slice(0, -2));
    const batchB = tf.util.sizeFromShape(b.shape.slice(0, -2));
    const isPlain = batchA === 1 && batchB === 1 && !transposeA && !transposeB;
    const isBroadcast = batchA !== batchB && batchA !== 1 && batchB !== 1;
    const isEmpty = a.size === 0 || b.size === 0;
    if (isPlain || isBroadcast || isEmpty || a.dtype !== 'float32' || b.dtype !== 'float32') return original!(call);

    return tf.tidy(() => {
      const left = transposeA ? swapLastAxes(a) : a; // f32 [..., M, K]
      const right = transposeB ? swapLastAxes(b) : b; // f32 [..., K, N]
      const [M, K] = left.shape.slice(-2) as [number, number];
      const N = right.shape.at(-1)!;
      const multiply = (x: tf.Tensor, y: tf.Tensor) =>
        callKernel(original!, { a: x, b: y }, { transposeA: false, transposeB: false });
      const batch = (batchA > 1 ? a : b).shape.slice(0, -2);
      const rank = Math.max(a.rank, b.rank) - 2;
      const shape = [...Array<number>(rank - batch.length).fill(1), ...batch, M, N];

      if (batchB === 1) {
        // One matrix on the right: the batch is only more rows.
        const rows = tf.reshape(left, [1, batchA * M, K]);
        return tf.reshape(multiply(rows, tf.reshape(right, [1, K, N])), shape);
      }
      const out = uninitialized(shape);
      for (let item = 0; item < batchB; item++) {
        tf.tidy(() => {
          const x = copyItem(left, batchA === 1 ? 0 : item, [1, M, K]);
          const y = copyItem(right, item, [1, K, N]);
          const product = multiply(x, y);
          view(out).set(view(product), item * M * N);
        });
      }
      return out;
    });
  };
}

export function swapLastAxes(x: tf.Tensor): tf.Tensor {
  const axes = Array.from({ length: x.rank }, (_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2]);
}

/** A copy, since XNNPACK keeps a packed form of each right-hand tensor by its id. */
function copyItem(x: tf.Tensor, item: number, shape: number[]): tf.Tensor {
  const size = tf.util.sizeFromShape(shape);
  const copy = uninitialized(shape);
  view(copy).set(view(x).subarray(item * size, (item + 1) * size));
  return copy;
}
