import * as tf from '@tensorflow/tfjs';

type Attributes = Readonly<Record<string, unknown>>;

/** Calls a kernel of the active backend from within another; `tf.tidy` owns the result. */
export function callKernel(kernel: tf.KernelFunc, inputs: tf.NamedTensorMap, attrs: Attributes): tf.Tensor {
  const info = kernel({ inputs, attrs: attrs as tf.NamedAttrMap, backend: tf.backend() });
  // A kernel gives what tfjs calls a TensorInfo; some give a whole tensor, or one in an array.
  const output = Array.isArray(info) ? info[0]! : info;
  return output instanceof tf.Tensor ? output : tf.engine().makeTensorFromTensorInfo(output);
}
