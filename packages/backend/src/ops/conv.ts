import * as tf from '@tensorflow/tfjs';
import type { Conv2dOptions } from './ops.js';

/** @see Ops.conv2d */
export function conv2d(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  bias?: tf.Tensor1D,
  { stride = 1, padding = 'same' }: Conv2dOptions = {},
): tf.Tensor4D {
  return tf.tidy(() => {
    let out: tf.Tensor4D;
    if (padding === 'same') {
      out = tf.conv2d(x, weight, stride, 'same');
    } else {
      // Padded by itself: explicit paddings inside conv2d lack a gradient on some devices.
      const [top, bottom, left, right] = padding;
      const isPadded = top + bottom + left + right > 0;
      const padded = isPadded
        ? tf.pad(x, [
            [0, 0],
            [top, bottom],
            [left, right],
            [0, 0],
          ])
        : x; // f32 [B, H′, W′, I]
      out = tf.conv2d(padded as tf.Tensor4D, weight, stride, 'valid');
    }
    return bias ? (tf.add(out, bias) as tf.Tensor4D) : out;
  });
}

/** @see Ops.upsampleNearest */
export function upsampleNearest(x: tf.Tensor4D, scale: number): tf.Tensor4D {
  const [, H, W] = x.shape;
  // Its own gradient, the sum over each block: that of resizeNearestNeighbor is wrong on the cpu backend for B ≥ 2.
  const upsample = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => ({
    value: tf.image.resizeNearestNeighbor(inputs[0] as tf.Tensor4D, [H * scale, W * scale]),
    gradFunc: (dy: tf.Tensor) => tf.mul(tf.avgPool(dy as tf.Tensor4D, scale, scale, 'valid'), scale * scale),
  }));
  return upsample(x) as tf.Tensor4D;
}
