import * as tf from '@tensorflow/tfjs';

/** The part of tfjs's wasm backend that reaches into its memory. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array | Int32Array;
}

function backend(): WasmBackend {
  return tf.backend() as unknown as WasmBackend;
}

/** A tensor whose values are whatever the memory held. */
export function uninitialized(shape: number[]): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(backend().makeOutput(shape, 'float32'));
}

/** A tensor's values, in place. Valid until the next tensor is made: memory that grows moves. */
export function view(tensor: tf.TensorInfo): Float32Array | Int32Array {
  return backend().typedArrayFromHeap(tensor);
}
