import type { Backend } from '@muse/backend';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs';
import type { PatchDiscriminator } from '../discriminator/patchDiscriminator.js';
import { codebookLoss, commitmentLoss } from '../quantizer.js';
import type { Reconstruction, VQGAN } from '../vqgan.js';
import { type AdversarialKind, discriminatorAdversarialLoss, generatorAdversarialLoss } from './adversarial.js';
import { type FeatureNetwork, perceptualLoss } from './perceptual.js';
import { type PixelLossKind, pixelLoss } from './reconstruction.js';

export interface VQGANLossOptions {
  readonly pixelKind: PixelLossKind;
  readonly pixelWeight: number;
  readonly perceptualWeight: number;
  readonly commitmentWeight: number;
  /** 0 where `CodebookEma` moves the codes, 1 where the gradient does. */
  readonly codebookWeight: number;
  readonly adversarialKind: AdversarialKind;
  readonly adversarialWeight: number;
  /** First step with a discriminator: before it, the adversarial term is left out and the discriminator isn't trained. */
  readonly discriminatorStartStep: number;
}

/**
 * Perceptual 0.05 and adversarial 0.1 are Muse's (arXiv 2301.00704, appendix, table of VQGAN hyperparameters; the
 * decoder finetuning uses perceptual 0.005); commitment 0.25 is van den Oord et al.'s (arXiv 1711.00937) and MaskGIT's.
 * The paper does not give the pixel and GAN losses: MaskGIT has l2 and non-saturating, taming l1 and hinge. Here the
 * pair of taming, l1 being the sharper.
 */
export const vqganLossDefaults: VQGANLossOptions = {
  pixelKind: 'l1',
  pixelWeight: 1,
  perceptualWeight: 0.05,
  commitmentWeight: 0.25,
  codebookWeight: 0,
  adversarialKind: 'hinge',
  adversarialWeight: 0.1,
  discriminatorStartStep: 0,
};

export interface GeneratorLossInputs {
  readonly vqgan: VQGAN;
  /** f32 [B, H, W, 3] in [0, 1] */
  readonly images: Tensor4D;
  /** Step of the training, from 0; against `discriminatorStartStep`. */
  readonly step: number;
  readonly options?: Partial<VQGANLossOptions>;
  /** Without one there is no perceptual term. */
  readonly featureNetwork?: FeatureNetwork;
  /** Without one there is no adversarial term. Its parameters are constants here. */
  readonly discriminator?: PatchDiscriminator;
}

/** Loss terms before their weights; a term that is left out is absent. */
export interface GeneratorLossTerms {
  readonly pixel: Scalar;
  readonly commitment: Scalar;
  readonly codebook?: Scalar;
  readonly perceptual?: Scalar;
  readonly adversarial?: Scalar;
}

export interface GeneratorLoss extends Reconstruction {
  /** Weighted sum of the terms. */
  readonly loss: Scalar;
  readonly terms: GeneratorLossTerms;
}

/**
 * The loss of encoder and decoder (and of the codebook, if `codebookWeight` is not 0):
 * λ_pix·pixel + λ_per·perceptual + λ_com·commitment + λ_cb·codebook + λ_adv·adversarial.
 *
 * Call it inside `tf.variableGrads` over the model's variables. Every tensor of the result is the caller's;
 * `tf.variableGrads` frees what is not kept, so `tf.keep` what is needed after it (terms to log, `latents` and
 * `tokenIds` for `CodebookEma.update`, `reconstructed` for `discriminatorLoss`).
 */
export function vqganGeneratorLoss(inputs: GeneratorLossInputs): GeneratorLoss {
  const { vqgan, images, step, featureNetwork, discriminator } = inputs;
  const options = { ...vqganLossDefaults, ...inputs.options };
  const { backend } = vqgan;
  const pass = vqgan.reconstruct(images);
  const { latents, quantized, tokenIds, reconstructed } = pass;
  const hasPerceptual = featureNetwork !== undefined && options.perceptualWeight !== 0;
  const hasAdversarial = discriminator !== undefined && isDiscriminatorActive(step, options);
  const terms: GeneratorLossTerms = {
    pixel: pixelLoss(backend, options.pixelKind, reconstructed, images),
    commitment: commitmentLoss(backend, latents, quantized),
    ...(options.codebookWeight !== 0 && { codebook: codebookLoss(backend, vqgan.codebook, latents, tokenIds) }),
    ...(hasPerceptual && { perceptual: perceptualLoss(backend, featureNetwork, reconstructed, images) }),
    ...(hasAdversarial && {
      adversarial: backend.tf.tidy(() =>
        generatorAdversarialLoss(backend, options.adversarialKind, discriminator.forward(reconstructed)),
      ),
    }),
  };
  return { ...pass, loss: weightedSum(backend, terms, options), terms };
}

function weightedSum({ tf }: Backend, terms: GeneratorLossTerms, options: VQGANLossOptions): Scalar {
  return tf.tidy(() => {
    const weighted = [tf.mul(terms.pixel, options.pixelWeight), tf.mul(terms.commitment, options.commitmentWeight)];
    if (terms.codebook) weighted.push(tf.mul(terms.codebook, options.codebookWeight));
    if (terms.perceptual) weighted.push(tf.mul(terms.perceptual, options.perceptualWeight));
    if (terms.adversarial) weighted.push(tf.mul(terms.adversarial, options.adversarialWeight));
    return tf.addN(weighted) as Scalar;
  });
}

/** Whether the discriminator takes part in this step. */
export function isDiscriminatorActive(step: number, options: Partial<VQGANLossOptions> = {}): boolean {
  const { discriminatorStartStep, adversarialWeight } = { ...vqganLossDefaults, ...options };
  return adversarialWeight !== 0 && step >= discriminatorStartStep;
}

export interface DiscriminatorLossInputs {
  readonly discriminator: PatchDiscriminator;
  /** Real images, f32 [B, H, W, 3] in [0, 1]. */
  readonly images: Tensor4D;
  /** Reconstructions as values (made outside of this gradient), f32 [B, H, W, 3]. */
  readonly reconstructed: Tensor4D;
  readonly adversarialKind?: AdversarialKind;
}

export interface DiscriminatorLoss {
  readonly loss: Scalar;
  /** Mean logit of real and of reconstructed patches: how far apart the two are. */
  readonly realLogit: Scalar;
  readonly fakeLogit: Scalar;
}

/** The loss of the discriminator; call it inside `tf.variableGrads` over its variables. The caller disposes. */
export function discriminatorLoss(inputs: DiscriminatorLossInputs): DiscriminatorLoss {
  const { discriminator, images, reconstructed } = inputs;
  const { adversarialKind = vqganLossDefaults.adversarialKind } = inputs;
  const { backend } = discriminator;
  const { tf } = backend;
  const realLogits = discriminator.forward(images);
  const fakeLogits = discriminator.forward(reconstructed);
  const result = {
    loss: discriminatorAdversarialLoss(backend, adversarialKind, realLogits, fakeLogits),
    realLogit: tf.mean(realLogits) as Scalar,
    fakeLogit: tf.mean(fakeLogits) as Scalar,
  };
  tf.dispose([realLogits, fakeLogits]);
  return result;
}
