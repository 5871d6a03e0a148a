import * as tf from '@tensorflow/tfjs';
import { callKernel } from '../callKernel.js';

/** GatherV2 with leading batch axes, which tfjs's kernel mixes up: one gather per item of the batch. */
export function gather(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as { x: tf.Tensor; indices: tf.Tensor };
    const { axis, batchDims = 0 } = call.attrs as unknown as { axis: number; batchDims?: number };
    if (batchDims === 0) return original!(call);
    return tf.tidy(() => {
      const firstAxis = tf.util.parseAxisParam(axis, x.shape)[0]!;
      const batch = x.shape.slice(0, batchDims);
      const numItems = tf.util.sizeFromShape(batch);
      const items = tf.unstack(tf.reshape(x, [numItems, ...x.shape.slice(batchDims)]));
      const itemIndices = tf.unstack(tf.reshape(indices, [numItems, ...indices.shape.slice(batchDims)]));
      const gathered = items.map((item, i) =>
        callKernel(original!, { x: item, indices: itemIndices[i]! }, { axis: firstAxis - batchDims, batchDims: 0 }),
      );
      return tf.reshape(tf.stack(gathered), [...batch, ...gathered[0]!.shape]);
    });
  };
}
