import * as tf from '@tensorflow/tfjs';

/** @see Ops.embedding */
export function embedding(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  const [V, D] = table.shape;
  const lookup = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [rows, save] = inputs as [tf.Tensor2D, tf.GradSaveFunc];
    const flatIds = tf.reshape(tf.cast(ids, 'int32'), [-1]) as tf.Tensor1D; // i32 [M]
    save([flatIds]);
    return {
      value: tf.reshape(tf.gather(rows, flatIds), [...ids.shape, D]),
      // The ids stay off the tape: the gradient of gather with respect to them throws.
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.unsortedSegmentSum(tf.reshape(dy, [-1, D]), saved[0] as tf.Tensor1D, V),
    };
  });
  return lookup(table);
}

/** @see Ops.nearestCode */
export function nearestCode(x: tf.Tensor2D, codebook: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => {
    // ‖x − c‖² without ‖x‖², which is the same for every code.
    const codeNorms = tf.sum(tf.square(codebook), 1); // f32 [V]
    const distances = tf.sub(codeNorms, tf.mul(tf.matMul(x, codebook, false, true), 2)); // f32 [M, V]
    return tf.argMin(distances, 1) as tf.Tensor1D;
  });
}
