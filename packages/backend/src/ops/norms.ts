import * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.js';

/** @see Ops.layerNorm — Ba et al. 2016, arXiv 1607.06450. */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor1D, bias?: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  const D = weight.size;
  return differentiable({
    inputs: { x, weight, bias },
    forward(save) {
      const rows = tf.reshape(x, [-1, D]); // f32 [M, D]
      const centred = tf.sub(rows, tf.mean(rows, 1, true));
      const variance = tf.mean(tf.square(centred), 1, true);
      const scale = tf.rsqrt(tf.add(variance, epsilon)); // f32 [M, 1]
      const normal = tf.mul(centred, scale);
      save([normal, scale, weight]);
      const out = tf.mul(normal, weight);
      return tf.reshape(bias ? tf.add(out, bias) : out, x.shape);
    },
    backward(dy, [normal, scale, gain]) {
      const dOut = tf.reshape(dy, [-1, D]) as tf.Tensor2D;
      const dOutNormal = tf.mul(dOut, normal!) as tf.Tensor2D;
      return {
        // scale·(g − mean g − n·mean(g·n)) with g = dOut·weight
        x() {
          const g = tf.mul(dOut, gain!);
          const fromMean = rowMean(dOut, gain!);
          const fromVariance = tf.mul(normal!, rowMean(dOutNormal, gain!));
          return tf.reshape(tf.mul(tf.sub(tf.sub(g, fromMean), fromVariance), scale!), x.shape);
        },
        weight: () => tf.sum(dOutNormal, 0),
        bias: () => tf.sum(dOut, 0),
      };
    },
  });
}

/** @see Ops.rmsNorm — Zhang & Sennrich 2019, arXiv 1910.07467. */
export function rmsNorm(x: tf.Tensor, weight: tf.Tensor1D, epsilon = 1e-6): tf.Tensor {
  const D = weight.size;
  return differentiable({
    inputs: { x, weight },
    forward(save) {
      const rows = tf.reshape(x, [-1, D]); // f32 [M, D]
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(rows), 1, true), epsilon)); // f32 [M, 1]
      const normal = tf.mul(rows, scale);
      save([normal, scale, weight]);
      return tf.reshape(tf.mul(normal, weight), x.shape);
    },
    backward(dy, [normal, scale, gain]) {
      const dOut = tf.reshape(dy, [-1, D]);
      const dOutNormal = tf.mul(dOut, normal!) as tf.Tensor2D;
      return {
        x() {
          const fromSquares = tf.mul(normal!, rowMean(dOutNormal, gain!));
          return tf.reshape(tf.mul(tf.sub(tf.mul(dOut, gain!), fromSquares), scale!), x.shape);
        },
        weight: () => tf.sum(dOutNormal, 0),
      };
    },
  });
}

/** @see Ops.groupNorm — Wu & He 2018, arXiv 1803.08494. */
export function groupNorm(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  numGroups: number,
  epsilon = 1e-6,
): tf.Tensor4D {
  const [B, H, W, C] = x.shape;
  // Means over the pixels come first: what is left for the channels of a group is small. Both at once would stride.
  const groupMean = (perChannel: tf.Tensor) => {
    const groups = tf.reshape(perChannel, [B, numGroups, C / numGroups]);
    const means = tf.tile(tf.mean(groups, 2, true), [1, 1, C / numGroups]);
    return tf.reshape(means, [B, 1, C]); // f32 [B, 1, C], equal within a group
  };
  return differentiable({
    inputs: { x, weight, bias },
    forward(save) {
      const pixels = tf.reshape(x, [B, H * W, C]);
      const mean = groupMean(tf.mean(pixels, 1));
      const variance = groupMean(tf.mean(tf.squaredDifference(pixels, mean), 1));
      const scale = tf.rsqrt(tf.add(variance, epsilon));
      save([pixels, mean, scale, weight]);
      const slope = tf.mul(scale, weight);
      const out = tf.add(tf.mul(pixels, slope), tf.sub(bias, tf.mul(mean, slope)));
      return tf.reshape(out, x.shape);
    },
    backward(dy, saved) {
      const [pixels, mean, scale, gain] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const dOut = tf.reshape(dy, [B, H * W, C]);
      const dMean = tf.mean(dOut, 1, true); // f32 [B, 1, C]: mean of dOut over the pixels
      const dCentred = tf.sub(tf.mean(tf.mul(dOut, pixels), 1, true), tf.mul(dMean, mean)); // and of dOut·(x − mean)
      return {
        // slope·dOut − scale·mean g − (x − mean)·scale³·mean(g·(x − mean)) with g = dOut·weight, means over the group
        x() {
          const fromVariance = tf.mul(groupMean(tf.mul(dCentred, gain)), tf.mul(scale, tf.square(scale)));
          const fromMean = tf.mul(groupMean(tf.mul(dMean, gain)), scale);
          const constant = tf.sub(tf.mul(mean, fromVariance), fromMean);
          const linear = tf.sub(tf.mul(dOut, tf.mul(scale, gain)), tf.mul(pixels, fromVariance));
          return tf.reshape(tf.add(linear, constant), x.shape);
        },
        weight: () => tf.mul(tf.sum(tf.mul(dCentred, scale), [0, 1]), H * W),
        bias: () => tf.mul(tf.sum(dMean, [0, 1]), H * W),
      };
    },
  }) as tf.Tensor4D;
}

/** Mean over the columns of rows·weight as a product with a vector: nothing of the size of `rows` is made. f32 [M, 1] */
function rowMean(rows: tf.Tensor2D, weight: tf.Tensor): tf.Tensor {
  const column = tf.reshape(tf.div(weight, weight.size), [weight.size, 1]) as tf.Tensor2D;
  return tf.matMul(rows, column);
}
