import type { Backend } from '@muse/backend';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs';

export type PixelLossKind = 'l1' | 'l2';

/** Mean absolute (l1) or mean squared (l2) difference. @param reconstructed f32 [B, H, W, 3] @param images f32 [B, H, W, 3] */
export function pixelLoss(backend: Backend, kind: PixelLossKind, reconstructed: Tensor4D, images: Tensor4D): Scalar {
  const { tf } = backend;
  return tf.tidy(() => {
    const difference = tf.sub(reconstructed, images);
    return tf.mean(kind === 'l1' ? tf.abs(difference) : tf.square(difference)) as Scalar;
  });
}
