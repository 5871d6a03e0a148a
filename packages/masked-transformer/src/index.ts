export {
  type MaskedTransformerConfig,
  type MaskedTransformerOptions,
  type MaskedTransformerPresetName,
  maskedTransformerPresets,
  resolveMaskedTransformerConfig,
} from './config.js';
export { loadMaskedTransformer, loadSuperResTransformer } from './loadTransformers.js';
export type { Conditioning, MaskedTokenModel, MaskedTokenModelConfig } from './maskedTokenModel.js';
export { MaskedTransformer, type PreparedConditioning } from './maskedTransformer.js';
export { maskedTransformerParameters, superResTransformerParameters } from './parameters.js';
export {
  resolveSuperResTransformerConfig,
  type SuperResTransformerConfig,
  type SuperResTransformerOptions,
  type SuperResTransformerPresetName,
  superResTransformerPresets,
} from './superResConfig.js';
export { type PreparedSuperRes, type SuperResConditioning, SuperResTransformer } from './superResTransformer.js';
export {
  type MaskedBatch,
  type MaskedTokenLoss,
  type MaskedTokenLossOptions,
  type MaskedTokens,
  maskedTokenLoss,
} from './training/maskedTokenLoss.js';
export { type SampledMasking, type SampleMaskingOptions, sampleMasking } from './training/sampleMasking.js';
export { resolveUViTConfig, type UViTConfig, type UViTPresetName, uvitPresets } from './uvit/config.js';
export { loadUViT } from './uvit/loadUViT.js';
export { uvitParameters } from './uvit/parameters.js';
export { type PreparedUViT, UViT, type UViTConditioning } from './uvit/uvit.js';
