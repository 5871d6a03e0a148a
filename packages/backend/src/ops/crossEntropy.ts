import * as tf from '@tensorflow/tfjs';

/** @see Ops.crossEntropy — label smoothing of Szegedy et al. 2016, arXiv 1512.00567. */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, labelSmoothing = 0): tf.Tensor1D {
  const [, V] = logits.shape;
  // Its own gradient, softmax − target: the labels stay off the tape, and nothing of size [M, V] is kept but the softmax.
  const perRow = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [rows, save] = inputs as [tf.Tensor2D, tf.GradSaveFunc];
    const logProbs = tf.logSoftmax(rows); // f32 [M, V]
    const target = tf.add(tf.mul(tf.oneHot(labels, V), 1 - labelSmoothing), labelSmoothing / V);
    save([tf.sub(tf.exp(logProbs), target)]);
    return {
      value: tf.neg(tf.sum(tf.mul(target, logProbs), 1)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.expandDims(dy, 1), saved[0] as tf.Tensor),
    };
  });
  return perRow(logits) as tf.Tensor1D;
}
