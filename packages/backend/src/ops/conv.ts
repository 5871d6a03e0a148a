import * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.js';
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
  return differentiable({
    inputs: { x },
    // Not a tile of inserted axes: tfjs's webgpu tile reads back synchronously from rank 5 on, which Node can't.
    forward: () => tf.image.resizeNearestNeighbor(x, [H * scale, W * scale]),
    backward: (dy) => ({
      x: () => tf.mul(tf.avgPool(dy as tf.Tensor4D, scale, scale, 'valid'), scale ** 2),
    }),
  }) as tf.Tensor4D;
}
