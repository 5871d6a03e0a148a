import type { ParameterSpec } from '@muse/checkpoint';
import type { MaskedTransformerConfig } from './config.js';

/** Standard deviation of every table and matrix but the ones below, as in BERT and MaskGIT. */
const INIT_STD = 0.02;

/** Residual branches of a layer: self-attention, cross-attention, MLP. */
const BRANCHES_PER_LAYER = 3;

/**
 * Every tensor of the model: names and shapes in the file (PyTorch's layout). Norms have a weight only and linears no bias,
 * except in the head: docs/decisions/0003-base-transformer.md says why.
 *
 * The matrices that write to the residual stream start smaller by √(2 · branches), so that its variance does not grow
 * with the depth (GPT-2).
 */
export function maskedTransformerParameters(config: MaskedTransformerConfig): ParameterSpec[] {
  const { latentSize, codebookSize, hiddenSize: D, numLayers, mlpDim, textDim } = config;
  const residualStd = INIT_STD / Math.sqrt(2 * BRANCHES_PER_LAYER * numLayers);

  const specs = [
    table('token_embedding.weight', codebookSize + 1, D),
    table('row_embedding.weight', latentSize, D),
    table('column_embedding.weight', latentSize, D),
    linear('text_projection.weight', D, textDim),
  ];
  for (let layer = 0; layer < numLayers; layer++) {
    for (const attention of ['self_attention', 'cross_attention']) {
      const name = `layers.${layer}.${attention}`;
      specs.push(
        norm(`${name}.norm.weight`, D),
        linear(`${name}.query.weight`, D, D),
        linear(`${name}.key.weight`, D, D),
        linear(`${name}.value.weight`, D, D),
        linear(`${name}.output.weight`, D, D, residualStd),
      );
    }
    const mlp = `layers.${layer}.mlp`;
    specs.push(
      norm(`${mlp}.norm.weight`, D),
      linear(`${mlp}.up.weight`, mlpDim, D),
      linear(`${mlp}.down.weight`, D, mlpDim, residualStd),
    );
  }
  specs.push(
    norm('final_norm.weight', D),
    linear('head.dense.weight', D, D),
    bias('head.dense.bias', D),
    norm('head.norm.weight', D),
    linear('head.output.weight', codebookSize, D),
    bias('head.output.bias', codebookSize),
  );
  return specs;
}

function table(name: string, rows: number, width: number): ParameterSpec {
  return { name, shape: [rows, width], layout: 'none', init: { kind: 'normal', std: INIT_STD } };
}

function linear(name: string, outSize: number, inSize: number, std = INIT_STD): ParameterSpec {
  return { name, shape: [outSize, inSize], layout: 'linear', init: { kind: 'normal', std } };
}

function norm(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'ones' } };
}

function bias(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'zeros' } };
}
