import type { ParameterSpec } from '@muse/checkpoint';
import type { ClipImageConfig, ClipStackConfig, ClipTextConfig } from './config.js';

const INIT_STD = 0.02;

/** Every tensor of the text tower by transformers' names (CLIPTextModelWithProjection). */
export function clipTextParameters(config: ClipTextConfig): ParameterSpec[] {
  const { hiddenSize: D, vocabSize, maxLength, projectionDim } = config;
  return [
    table('text_model.embeddings.token_embedding.weight', vocabSize, D),
    table('text_model.embeddings.position_embedding.weight', maxLength, D),
    ...stackSpecs('text_model', config),
    ...norm('text_model.final_layer_norm', D),
    matrix('text_projection.weight', projectionDim, D),
  ];
}

/** Every tensor of the image tower by transformers' names (CLIPVisionModelWithProjection), `pre_layrnorm` included. */
export function clipImageParameters(config: ClipImageConfig): ParameterSpec[] {
  const { hiddenSize: D, imageSize, patchSize, projectionDim } = config;
  const patches = 'vision_model.embeddings.patch_embedding.weight';
  return [
    { name: 'vision_model.embeddings.class_embedding', shape: [D], layout: 'none', init: normal },
    { name: patches, shape: [D, 3, patchSize, patchSize], layout: 'conv', init: normal },
    table('vision_model.embeddings.position_embedding.weight', (imageSize / patchSize) ** 2 + 1, D),
    ...norm('vision_model.pre_layrnorm', D),
    ...stackSpecs('vision_model', config),
    ...norm('vision_model.post_layernorm', D),
    matrix('visual_projection.weight', projectionDim, D),
  ];
}

function stackSpecs(tower: string, { numLayers, hiddenSize: D, mlpDim }: ClipStackConfig): ParameterSpec[] {
  return Array.from({ length: numLayers }, (_, i) => {
    const layer = `${tower}.encoder.layers.${i}`;
    return [
      ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((part) => linear(`${layer}.self_attn.${part}`, D, D)),
      ...norm(`${layer}.layer_norm1`, D),
      ...linear(`${layer}.mlp.fc1`, mlpDim, D),
      ...linear(`${layer}.mlp.fc2`, D, mlpDim),
      ...norm(`${layer}.layer_norm2`, D),
    ];
  }).flat();
}

const normal = { kind: 'normal', std: INIT_STD } as const;

function matrix(name: string, outSize: number, inSize: number): ParameterSpec {
  return { name, shape: [outSize, inSize], layout: 'linear', init: normal };
}

function linear(name: string, outSize: number, inSize: number): ParameterSpec[] {
  return [matrix(`${name}.weight`, outSize, inSize), bias(`${name}.bias`, outSize)];
}

function table(name: string, rows: number, width: number): ParameterSpec {
  return { name, shape: [rows, width], layout: 'none', init: normal };
}

function norm(name: string, width: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [width], layout: 'none', init: { kind: 'ones' } },
    bias(`${name}.bias`, width),
  ];
}

function bias(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'zeros' } };
}
