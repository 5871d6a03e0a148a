import * as tf from '@tensorflow/tfjs';
import type { PackedDtype } from '../backend.js';
import { ShapeError } from '../errors.js';
import { type Attribute, dtypeOf, nodeBackend, runOp, TfDataType, toBfloat16 } from './eager.js';

/**
 * A weight in bfloat16. Matrices lie turned in memory, [O, I]: oneDNN multiplies by them in four fifths of the time, and
 * PyTorch's files have them so.
 *
 * @see Backend.packWeight
 */
export function packWeight(weight: tf.Tensor, _dtype: PackedDtype, order?: readonly number[]): tf.Tensor {
  const shape = order ? order.map((axis) => weight.shape[axis]!) : weight.shape;
  const N = shape.at(-1) ?? 1;
  if (N % 4 !== 0 || weight.dtype !== 'float32' || dtypeOf(weight) !== TfDataType.float32) {
    const got = dtypeOf(weight) === TfDataType.bfloat16 ? 'bf16' : weight.dtype;
    throw new ShapeError(
      { package: 'backend', in: 'packWeight' },
      `expected a weight f32 [..., N] with N divisible by 4, got ${got} [${shape.join(', ')}]`,
    );
  }
  const rounded = tf.tidy(() => inMemory(toBfloat16(weight), order));
  // The same data under the weight's own shape: models ask for it.
  const backend = nodeBackend();
  backend.incRef(rounded.dataId);
  const tensor = tf.engine().makeTensorFromDataId(rounded.dataId, shape, 'float32', backend as never);
  rounded.dispose();
  return tensor;
}

/** @param order that makes it the weight */
function inMemory(x: tf.Tensor, order: readonly number[] = x.shape.map((_, axis) => axis)): tf.Tensor {
  const wanted = x.rank === 2 ? [...order].reverse() : order;
  if (wanted.every((axis, i) => axis === i)) return x;
  const attributes: Attribute[] = [
    ['T', 'TYPE', TfDataType.bfloat16],
    ['Tperm', 'TYPE', TfDataType.int32],
  ];
  return runOp('Transpose', attributes, [x, tf.tensor1d([...wanted], 'int32')]);
}
