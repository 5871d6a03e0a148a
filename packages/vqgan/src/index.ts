export {
  CodebookEma,
  type CodebookEmaOptions,
  type CodebookUsage,
  codebookEmaParameters,
  type UpdateStream,
} from './codebook/codebookEma.js';
export {
  downsampleFactorOf,
  resolveVQGANConfig,
  type VQGANConfig,
  type VQGANOptions,
  type VQGANPresetName,
  vqganPresetNames,
  vqganPresets,
} from './config.js';
export {
  PatchDiscriminator,
  type PatchDiscriminatorConfig,
  patchDiscriminatorParameters,
  patchDiscriminatorPresets,
} from './discriminator/patchDiscriminator.js';
export { type LaidOutVQGAN, layOutVQGAN } from './layouts/layOutVqgan.js';
export { isVQGAN, type OpenedVQGAN, openVQGAN, type VQGANLayout } from './layouts/openVqgan.js';
export { loadImageTokenizer } from './loadImageTokenizer.js';
export { loadVQGAN } from './loadVqgan.js';
export { loadVQModel, resolveVQModelConfig } from './loadVqModel.js';
export { adaptiveAdversarialWeight } from './losses/adaptiveWeight.js';
export { type AdversarialKind, discriminatorAdversarialLoss, generatorAdversarialLoss } from './losses/adversarial.js';
export { type FeatureNetwork, perceptualLoss } from './losses/perceptual.js';
export { type PixelLossKind, pixelLoss } from './losses/reconstruction.js';
export {
  type DiscriminatorLoss,
  type DiscriminatorLossInputs,
  discriminatorLoss,
  type GeneratorLoss,
  type GeneratorLossInputs,
  type GeneratorLossTerms,
  isDiscriminatorActive,
  type VQGANLossOptions,
  vqganGeneratorLoss,
  vqganLossDefaults,
} from './losses/vqganLoss.js';
export { maskgitVQGAN } from './maskgit/weights.js';
export { CODEBOOK, vqganParameters } from './parameters.js';
export { codebookLoss, commitmentLoss, type Quantized, quantize, straightThrough } from './quantizer.js';
export type { VQGANStructure } from './structure.js';
export { tamingVQGAN } from './taming/weights.js';
export { type Reconstruction, VQGAN, type VQGANPart } from './vqgan.js';
