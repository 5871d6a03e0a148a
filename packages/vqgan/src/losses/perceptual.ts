import type { Backend } from '@muse/backend';
import type { Scalar, Tensor, Tensor4D } from '@tensorflow/tfjs';

/** A frozen network whose inner activations say how alike two images look to it. */
export interface FeatureNetwork {
  /**
   * Activations of several depths, differentiable in the images.
   *
   * @param images f32 [B, H, W, 3] in [0, 1]
   * @returns f32 [B, h, w, C] each; the caller disposes
   */
  features(images: Tensor4D): Tensor[];
}

const UNIT_EPSILON = 1e-10;

/**
 * Perceptual distance: Σ_layers mean_{B,h,w} Σ_C (f̂(x) − f̂(y))², with f̂ of unit length over the channels.
 *
 * This is LPIPS (Zhang et al. 2018, arXiv 1801.03924, equation 1) without its learned channel weights, as those exist
 * for VGG and AlexNet only, and over whatever network is passed in.
 *
 * @param reconstructed f32 [B, H, W, 3], gets the gradient
 * @param images f32 [B, H, W, 3], the target
 */
export function perceptualLoss(
  backend: Backend,
  network: FeatureNetwork,
  reconstructed: Tensor4D,
  images: Tensor4D,
): Scalar {
  const { tf } = backend;
  return tf.tidy(() => {
    const targets = network.features(images);
    const terms = network.features(reconstructed).map((feature, layer) => {
      const difference = tf.sub(unitChannels(backend, feature), unitChannels(backend, targets[layer]!));
      return tf.mean(tf.sum(tf.square(difference), -1)) as Scalar;
    });
    return tf.addN(terms) as Scalar;
  });
}

function unitChannels({ tf }: Backend, feature: Tensor): Tensor {
  const squaredLength = tf.sum(tf.square(feature), -1, true);
  // The ε inside the root keeps the gradient finite where every channel is 0.
  return tf.mul(feature, tf.rsqrt(tf.add(squaredLength, UNIT_EPSILON)));
}
