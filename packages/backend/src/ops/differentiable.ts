import * as tf from '@tensorflow/tfjs';

export interface DifferentiableOp<Name extends string> {
  /** What the op is differentiated by. Everything else that `forward` reads stays off the tape. */
  readonly inputs: Readonly<Partial<Record<Name, tf.Tensor>>>;
  /** @param save keeps tensors for `backward`, if a gradient is being recorded */
  forward(save: (tensors: tf.Tensor[]) => void): tf.Tensor;
  /**
   * The gradient of each input as a function that is called when somebody needs it. What several of them share is
   * computed before they are returned: each runs in a `tf.tidy` of its own.
   */
  backward(dy: tf.Tensor, saved: tf.Tensor[]): Record<Name, () => tf.Tensor>;
}

/** The part of tfjs's engine that `tf.customGrad` is made of; the types hide it. */
interface KernelRunner {
  runKernelFunc(kernel: {
    inputs: tf.NamedTensorMap;
    forwardFunc(backend: unknown, save: (tensors: tf.Tensor[]) => void): tf.Tensor;
    backwardsFunc(dy: tf.Tensor, saved: tf.Tensor[]): Record<string, () => tf.Tensor>;
  }): tf.Tensor;
}

/**
 * An op with its gradient written by hand, where that needs fewer passes over memory than tfjs's chain of gradients.
 * Unlike `tf.customGrad` it does not compute the gradients of inputs that nobody asks for, such as frozen weights.
 */
export function differentiable<Name extends string>({ inputs, forward, backward }: DifferentiableOp<Name>): tf.Tensor {
  const present = Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor)) as tf.NamedTensorMap;
  return (tf.engine() as unknown as KernelRunner).runKernelFunc({
    inputs: present,
    forwardFunc: (_backend, save) => forward(save),
    backwardsFunc: backward,
  });
}
