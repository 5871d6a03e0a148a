import * as tf from '@tensorflow/tfjs';
import type { PackedDtype } from '../backend.js';
import { asWeight, checkWeight } from '../kernels/packedTensor.js';
import { dtypeOf, TfDataType, toBfloat16, transpose } from './eager.js';

/**
 * A weight in bfloat16. Matrices lie turned in memory, [O, I]: oneDNN multiplies by them in four fifths of the time, and
 * PyTorch's files have them so.
 *
 * @see Backend.packWeight
 */
export function packWeight(weight: tf.Tensor, _dtype: PackedDtype, order?: readonly number[]): tf.Tensor {
  const shape = order ? order.map((axis) => weight.shape[axis]!) : weight.shape;
  checkWeight(weight, shape, dtypeOf(weight) === TfDataType.bfloat16 ? 'bf16' : undefined);
  const rounded = tf.tidy(() => inMemory(toBfloat16(weight), order));
  return asWeight(rounded, shape);
}

/** @param order that makes it the weight */
function inMemory(x: tf.Tensor, order: readonly number[] = x.shape.map((_, axis) => axis)): tf.Tensor {
  const wanted = x.rank === 2 ? [...order].reverse() : order;
  return wanted.every((axis, i) => axis === i) ? x : transpose(x, wanted);
}
