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
  // The sum over pixels first, then that over the channels of a group, which is small: summing both at once strides.
  const groupMean = (pixels: tf.Tensor) => {
    const groups = tf.reshape(tf.mean(pixels, 1), [B, numGroups, C / numGroups]); // f32 [B, G, C/G]
    return spread(tf.mean(groups, 2, true));
  };
  const spread = (perGroup: tf.Tensor) => tf.reshape(tf.tile(perGroup, [1, 1, C / numGroups]), [B, 1, C]); // f32 [B, G, 1] → [B, 1, C]
  return differentiable({
    inputs: { x, weight, bias },
    forward(save) {
      const pixels = tf.reshape(x, [B, H * W, C]);
      const centred = tf.sub(pixels, groupMean(pixels));
      const scale = tf.rsqrt(tf.add(groupMean(tf.square(centred)), epsilon)); // f32 [B, 1, C]
      save([centred, scale, weight]);
      return tf.reshape(tf.add(tf.mul(centred, tf.mul(scale, weight)), bias), x.shape);
    },
    backward(dy, [centred, scale, gain]) {
      const dOut = tf.reshape(dy, [B, H * W, C]);
      const dOutCentred = tf.mul(dOut, centred!);
      const perChannel = tf.mul(scale!, gain!); // f32 [B, 1, C]
      return {
        // scale·(g − mean g − n·mean(g·n)) with g = dOut·weight, n = centred·scale, means over the group
        x() {
          const meanOf = (pixels: tf.Tensor) => {
            const means = tf.mul(tf.mean(pixels, 1, true), perChannel); // f32 [B, 1, C]
            return spread(tf.mean(tf.reshape(means, [B, numGroups, C / numGroups]), 2, true));
          };
          const fromVariance = tf.mul(centred!, tf.mul(meanOf(dOutCentred), tf.square(scale!)));
          return tf.reshape(tf.sub(tf.sub(tf.mul(dOut, perChannel), meanOf(dOut)), fromVariance), x.shape);
        },
        weight: () => tf.sum(tf.mul(tf.sum(dOutCentred, 1), tf.reshape(scale!, [B, C])), 0),
        bias: () => tf.sum(dOut, [0, 1]),
      };
    },
  }) as tf.Tensor4D;
}

/** Mean over the columns of rows·weight as a product with a vector: nothing of the size of `rows` is made. f32 [M, 1] */
function rowMean(rows: tf.Tensor2D, weight: tf.Tensor): tf.Tensor {
  const column = tf.reshape(tf.div(weight, weight.size), [weight.size, 1]) as tf.Tensor2D;
  return tf.matMul(rows, column);
}
