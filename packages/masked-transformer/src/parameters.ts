import type { ParameterSpec } from '@muse/checkpoint';
import type { MaskedTransformerConfig } from './config.js';
import { gridSpecs, headSpecs, linear, stackSpecs } from './parameterSpecs.js';
import type { SuperResTransformerConfig } from './superResConfig.js';

/** Every tensor of the base model: names and shapes in the file (PyTorch's layout). */
export function maskedTransformerParameters(config: MaskedTransformerConfig): ParameterSpec[] {
  const { latentSize, codebookSize, hiddenSize, textDim } = config;
  return [
    ...gridSpecs('', codebookSize + 1, latentSize, hiddenSize), // the last token is the mask
    linear('text_projection.weight', hiddenSize, textDim),
    ...stackSpecs('', config, ['self_attention', 'cross_attention', 'mlp']),
    ...headSpecs(hiddenSize, codebookSize),
  ];
}

/** Every tensor of the super-resolution model: the base's on the fine grid, and the encoder of the coarse one. */
export function superResTransformerParameters(config: SuperResTransformerConfig): ParameterSpec[] {
  const { latentSize, codebookSize, hiddenSize, textDim } = config;
  const coarse = 'coarse_encoder.';
  return [
    ...gridSpecs(coarse, config.coarseCodebookSize, config.coarseLatentSize, hiddenSize),
    ...stackSpecs(coarse, { ...config, numLayers: config.coarseNumLayers }, ['self_attention', 'mlp']),
    ...gridSpecs('', codebookSize + 1, latentSize, hiddenSize), // the last token is the mask
    linear('text_projection.weight', hiddenSize, textDim),
    ...stackSpecs('', config, ['self_attention', 'cross_attention', 'mlp']),
    ...headSpecs(hiddenSize, codebookSize),
  ];
}
