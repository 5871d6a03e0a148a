import * as tf from '@tensorflow/tfjs';
import { runOp, TfDataType } from '../../tensorflow/eager.js';

/**
 * Sums over leading axes, the gradients of biases, by TensorFlow's BiasAddGrad: three to ten times as fast as its Sum
 * for wide rows.
 */
export function leadingSum(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const x = call.inputs.x as tf.Tensor;
    const { axis, keepDims } = call.attrs as unknown as { axis?: number | number[]; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis!, x.shape).sort();
    const isLeading = axes.length < x.rank && axes.every((a, i) => a === i);
    if (x.dtype !== 'float32' || x.size === 0 || !isLeading || keepDims) return original!(call);
    const shape = x.shape.slice(axes.length);
    const rows = tf.reshape(x, [-1, tf.util.sizeFromShape(shape)]);
    const attributes = [
      ['T', 'TYPE', TfDataType.float32],
      ['data_format', 'STRING', 'NHWC'],
    ] as const;
    return tf.reshape(runOp('BiasAddGrad', attributes, [rows]), shape);
  };
}
