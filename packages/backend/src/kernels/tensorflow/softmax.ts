import type * as tf from '@tensorflow/tfjs';
import { runOp } from '../../tensorflow/eager.js';
import { softmaxOp } from '../../tensorflow/oneDnnOps.js';

const MAX_RANK = 5;

/** tfjs's softmax by the op that programs and graphs take. */
export function fastSoftmax(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const logits = call.inputs.logits as tf.Tensor;
    const isPlain = logits.dtype !== 'float32' || logits.size === 0 || logits.rank === 0 || logits.rank > MAX_RANK;
    if (isPlain) return original!(call);
    const { name, attributes } = softmaxOp();
    return runOp(name, attributes, [logits]);
  };
}
