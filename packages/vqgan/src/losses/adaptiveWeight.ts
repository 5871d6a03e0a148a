import type { Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { parameter } from '../layers.js';
import { generatorAdversarialLoss } from './adversarial.js';
import { perceptualLoss } from './perceptual.js';
import { pixelLoss } from './reconstruction.js';
import { type GeneratorLossInputs, vqganLossDefaults } from './vqganLoss.js';

const NORM_EPSILON = 1e-4;
const MAX_WEIGHT = 1e4;

/**
 * The adaptive weight of the adversarial term: ‖∇_L (pixel + perceptual)‖ / (‖∇_L adversarial‖ + 10⁻⁴), with L the
 * weights of the decoder's last convolution, at most 10⁴. The paper has a fixed weight; this is taming's.
 *
 * Call it before `vqganGeneratorLoss`, outside of its gradient, and multiply `adversarialWeight` by it. It costs one
 * more pass through the model and the discriminator.
 *
 * @see Esser et al. 2021, arXiv 2012.09841, equation 7
 */
export async function adaptiveAdversarialWeight(
  inputs: GeneratorLossInputs & Required<Pick<GeneratorLossInputs, 'discriminator'>>,
): Promise<number> {
  const { vqgan, images, featureNetwork, discriminator } = inputs;
  const options = { ...vqganLossDefaults, ...inputs.options };
  const { backend } = vqgan;
  const { tf, ops } = backend;
  const norms = tf.tidy(() => {
    const hidden = vqgan.decodeToHidden(vqgan.quantize(vqgan.encodeLatents(images)).quantized); // f32 [B, H, W, C]
    const weight = tf.clone(parameter<Tensor4D>(vqgan, 'decoder.conv_out.weight'));
    const bias = parameter<Tensor1D>(vqgan, 'decoder.conv_out.bias');
    const gradientNorm = (loss: (reconstructed: Tensor4D) => Scalar) =>
      tf.norm(tf.grad((w: Tensor) => loss(ops.conv2d(hidden, w as Tensor4D, bias)))(weight));
    const reconstructionLoss = (reconstructed: Tensor4D) => {
      const pixel = tf.mul(pixelLoss(backend, options.pixelKind, reconstructed, images), options.pixelWeight);
      if (!featureNetwork) return pixel as Scalar;
      const perceptual = perceptualLoss(backend, featureNetwork, reconstructed, images);
      return tf.add(pixel, tf.mul(perceptual, options.perceptualWeight)) as Scalar;
    };
    return tf.stack([
      gradientNorm(reconstructionLoss),
      gradientNorm((fake) => generatorAdversarialLoss(backend, options.adversarialKind, discriminator.forward(fake))),
    ]);
  });
  const [reconstruction, adversarial] = await norms.data();
  norms.dispose();
  return Math.min(reconstruction! / (adversarial! + NORM_EPSILON), MAX_WEIGHT);
}
