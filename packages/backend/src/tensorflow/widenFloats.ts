import * as tf from '@tensorflow/tfjs';
import { cast, runOp, TfDataType } from './eager.js';

const types = { f32: TfDataType.float32, f16: TfDataType.half, bf16: TfDataType.bfloat16 } as const;

/** @see Backend.widenFloats */
export function widenFloats(bytes: Uint8Array, dtype: keyof typeof types, shape: readonly number[]): tf.Tensor {
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
    return tf.reshape(dtype === 'f32' ? floats : cast(floats, type, TfDataType.float32), [...shape]);
  });
}
