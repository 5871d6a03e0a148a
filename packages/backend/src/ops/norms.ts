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

/**
 * With its own gradient: taken apart op by op it needs three times as many passes over the activations.
 *
 * @see Ops.groupNorm — Wu & He 2018, arXiv 1803.08494.
 */
export function groupNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  numGroups: number,
  epsilon = 1e-6,
): tf.Tensor4D {
  const [B, H, W, C] = x.shape;
  // Statistics per channel first, then the mean over a group's channels: reductions over inner axes alone are slow.
  const groupMean = (perChannel: tf.Tensor) => {
    const means = tf.mean(tf.reshape(perChannel, [B, numGroups, C / numGroups]), 2, true); // f32 [B, G, 1]
    return tf.reshape(tf.tile(means, [1, 1, C / numGroups]), [B, 1, C]);
  };
  const normalize = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [images, gain, shift, save] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const flat = tf.reshape(images, [B, H * W, C]);
    const centred = tf.sub(flat, groupMean(tf.mean(flat, 1, true))); // f32 [B, H·W, C]
    const variance = groupMean(tf.mean(tf.square(centred), 1, true)); // f32 [B, 1, C]
    const inverseStd = tf.rsqrt(tf.add(variance, epsilon)); // f32 [B, 1, C]
    save([centred, inverseStd, gain]);
    const value = tf.add(tf.mul(centred, tf.mul(inverseStd, gain)), shift);
    return {
      value: tf.reshape(value, x.shape),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => groupNormGradient(dy, saved, groupMean),
    };
  });
  return normalize(x, weight, bias) as tf.Tensor4D;
}

/**
 * With x̂ = centred·r: db = Σ dy, dw = Σ dy·x̂, dx = r·(w·dy − mean(w·dy) − x̂·mean(w·dy·x̂)), means over a group.
 *
 * @param dy f32 [B, H, W, C]
 * @param saved centred f32 [B, H·W, C], r f32 [B, 1, C], weight f32 [C]
 */
function groupNormGradient(
  dy: tf.Tensor,
  saved: tf.Tensor[],
  groupMean: (perChannel: tf.Tensor) => tf.Tensor,
): tf.Tensor[] {
  const [centred, inverseStd, gain] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
  const flat = tf.reshape(dy, centred.shape);
  const mean = tf.mean(flat, 1, true); // f32 [B, 1, C]
  const meanProduct = tf.mul(tf.mean(tf.mul(flat, centred), 1, true), inverseStd); // f32 [B, 1, C]
  const numPixels = centred.shape[1]!;
  const shared = tf.mul(inverseStd, groupMean(tf.mul(mean, gain))); // f32 [B, 1, C]
  const slope = tf.mul(tf.square(inverseStd), groupMean(tf.mul(meanProduct, gain))); // f32 [B, 1, C]
  const direct = tf.sub(tf.mul(flat, tf.mul(inverseStd, gain)), shared);
  const dx = tf.sub(direct, tf.mul(centred, slope));
  const overBatch = (perImage: tf.Tensor) => tf.mul(tf.sum(perImage, [0, 1]), numPixels);
  return [tf.reshape(dx, dy.shape), overBatch(meanProduct), overBatch(mean)];
}
