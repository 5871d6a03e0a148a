import type { ParameterSpec } from '@muse/checkpoint';

/** Standard deviation of every table and matrix but those that write to the residual stream, as in BERT and MaskGIT. */
const INIT_STD = 0.02;

/** A branch of a layer: attention of a kind, or the MLP. */
export type Branch = 'self_attention' | 'cross_attention' | 'mlp';

/** Embeddings of a token grid: codes, rows, columns. */
export function gridSpecs(prefix: string, numTokens: number, side: number, width: number): ParameterSpec[] {
  return [
    table(`${prefix}token_embedding.weight`, numTokens, width),
    table(`${prefix}row_embedding.weight`, side, width),
    table(`${prefix}column_embedding.weight`, side, width),
  ];
}

export interface LayerSizes {
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly mlpDim: number;
}

/**
 * A stack of layers and the norm behind it. Norms have a weight only and linears no bias:
 * docs/decisions/0003-base-transformer.md says why.
 *
 * The matrices that write to the residual stream start smaller by √(2 · branches of the stack), so that its variance does
 * not grow with the depth (GPT-2).
 */
export function stackSpecs(
  prefix: string,
  { numLayers, hiddenSize: D, mlpDim }: LayerSizes,
  branches: readonly Branch[],
): ParameterSpec[] {
  const residualStd = INIT_STD / Math.sqrt(2 * branches.length * numLayers);
  const specs: ParameterSpec[] = [];
  for (let layer = 0; layer < numLayers; layer++) {
    for (const branch of branches) {
      const name = `${prefix}layers.${layer}.${branch}`;
      specs.push(norm(`${name}.norm.weight`, D));
      if (branch === 'mlp') {
        specs.push(linear(`${name}.up.weight`, mlpDim, D), linear(`${name}.down.weight`, D, mlpDim, residualStd));
      } else {
        specs.push(
          linear(`${name}.query.weight`, D, D),
          linear(`${name}.key.weight`, D, D),
          linear(`${name}.value.weight`, D, D),
          linear(`${name}.output.weight`, D, D, residualStd),
        );
      }
    }
  }
  specs.push(norm(`${prefix}final_norm.weight`, D));
  return specs;
}

/** Dense, norm, output: the only biases of the model. */
export function headSpecs(width: number, codebookSize: number): ParameterSpec[] {
  return [
    linear('head.dense.weight', width, width),
    bias('head.dense.bias', width),
    norm('head.norm.weight', width),
    linear('head.output.weight', codebookSize, width),
    bias('head.output.bias', codebookSize),
  ];
}

export function linear(name: string, outSize: number, inSize: number, std = INIT_STD): ParameterSpec {
  return { name, shape: [outSize, inSize], layout: 'linear', init: { kind: 'normal', std } };
}

function table(name: string, rows: number, width: number): ParameterSpec {
  return { name, shape: [rows, width], layout: 'none', init: { kind: 'normal', std: INIT_STD } };
}

function norm(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'ones' } };
}

function bias(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'zeros' } };
}
