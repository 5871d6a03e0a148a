export {
  type MaskedTransformerConfig,
  type MaskedTransformerOptions,
  type MaskedTransformerPresetName,
  maskedTransformerPresets,
  resolveMaskedTransformerConfig,
} from './config.js';
export { loadMaskedTransformer } from './loadMaskedTransformer.js';
export { type Conditioning, MaskedTransformer, type PreparedConditioning } from './maskedTransformer.js';
export { maskedTransformerParameters } from './parameters.js';
export {
  type MaskedBatch,
  type MaskedTokenLoss,
  type MaskedTokenLossOptions,
  maskedTokenLoss,
} from './training/maskedTokenLoss.js';
export { type SampledMasking, type SampleMaskingOptions, sampleMasking } from './training/sampleMasking.js';
