import * as tf from '@tensorflow/tfjs';
import { runOp, TfDataType } from '../../tensorflow/eager.js';

/** Narrower rows than this are summed as fast by TensorFlow's Sum. */
const MIN_WIDTH = 16;

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
    const shape = x.shape.slice(axes.length);
    const width = tf.util.sizeFromShape(shape);
    const isWide = x.dtype === 'float32' && x.size > 0 && width >= MIN_WIDTH;
    if (!isLeading || keepDims || !isWide) return original!(call);
    const rows = tf.reshape(x, [-1, width]);
    const attributes = [
      ['T', 'TYPE', TfDataType.float32],
      ['data_format', 'STRING', 'NHWC'],
    ] as const;
    return tf.reshape(runOp('BiasAddGrad', attributes, [rows]), shape);
  };
}
