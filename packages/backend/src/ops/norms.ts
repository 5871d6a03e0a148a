import * as tf from '@tensorflow/tfjs';

/** @see Ops.layerNorm */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor1D, bias?: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const out = tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), weight);
    return bias ? tf.add(out, bias) : out;
  });
}

/** @see Ops.rmsNorm */
export function rmsNorm(x: tf.Tensor, weight: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  return tf.tidy(() => {
    const meanSquare = tf.mean(tf.square(x), -1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), weight);
  });
}

/** @see Ops.groupNorm */
export function groupNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  numGroups: number,
  epsilon = 1e-6,
): tf.Tensor4D {
  return tf.tidy(() => {
    const [B, H, W, C] = x.shape;
    const groups = tf.reshape(x, [B, H * W, numGroups, C / numGroups]);
    const centred = tf.sub(groups, tf.mean(groups, [1, 3], true));
    const variance = tf.mean(tf.square(centred), [1, 3], true); // f32 [B, 1, G, 1]
    const normal = tf.reshape(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), [B, H, W, C]);
    return tf.add(tf.mul(normal, weight), bias) as tf.Tensor4D;
  });
}
