import * as tf from '@tensorflow/tfjs';
import { type Attribute, cast, dtypeOf, runOp, TfDataType, transpose } from './eager.js';

const types = { f32: TfDataType.float32, f16: TfDataType.half, bf16: TfDataType.bfloat16 } as const;

/** @see Backend.widenFloats */
export function widenFloats(
  bytes: Uint8Array,
  dtype: keyof typeof types,
  shape: readonly number[],
  order?: readonly number[],
): tf.Tensor {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const type = types[dtype];
  return tf.tidy(() => {
    // tfjs has no tensors of 16 bits: two of them go as one integer.
    const words = tf.tensor1d(new Int32Array(buffer, byteOffset, byteLength / 4), 'int32');
    const attributes = [
      ['T', 'TYPE', TfDataType.int32],
      ['type', 'TYPE', type],
    ] as const;
    const floats = runOp('Bitcast', attributes, [words]); // [N], of 16 bits [N/2, 2]
    words.dispose();
    // Transposed before they are widened: so what lies beside the result is half as large.
    const values = order ? ordered(floats, shape, order) : floats;
    const widened = dtype === 'f32' ? values : cast(values, TfDataType.float32);
    return order ? widened : tf.reshape(widened, [...shape]);
  });
}

function ordered(x: tf.Tensor, shape: readonly number[], order: readonly number[]): tf.Tensor {
  const attributes: Attribute[] = [
    ['T', 'TYPE', dtypeOf(x)],
    ['Tshape', 'TYPE', TfDataType.int32],
  ];
  const shaped = runOp('Reshape', attributes, [x, tf.tensor1d([...shape], 'int32')]);
  x.dispose();
  const y = transpose(shaped, order);
  shaped.dispose();
  return y;
}
