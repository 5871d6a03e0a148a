import type { ParameterSpec } from '@muse/checkpoint';
import type { T5Config } from './config.js';

/**
 * Every tensor of the encoder, by the names and shapes of transformers' `T5EncoderModel`, with its initialisation
 * (`T5PreTrainedModel._init_weights`, factor 1). No layer has a bias, and only the first holds the position bias.
 */
export function t5Parameters(config: T5Config): ParameterSpec[] {
  const { vocabSize, dModel, dKv, dFf, numLayers, numHeads } = config;
  const inner = numHeads * dKv;
  const linear = (name: string, outSize: number, inSize: number, std: number): ParameterSpec => ({
    name,
    shape: [outSize, inSize],
    layout: 'linear',
    init: { kind: 'normal', std },
  });
  const table = (name: string, rows: number, width: number, std: number): ParameterSpec => ({
    name,
    shape: [rows, width],
    layout: 'none',
    init: { kind: 'normal', std },
  });
  const norm = (name: string): ParameterSpec => ({ name, shape: [dModel], layout: 'none', init: { kind: 'ones' } });

  const specs = [table('shared.weight', vocabSize, dModel, 1)];
  for (let layer = 0; layer < numLayers; layer++) {
    const attention = `encoder.block.${layer}.layer.0`;
    specs.push(
      // Scores are not divided by √K: the small start of q takes its place.
      linear(`${attention}.SelfAttention.q.weight`, inner, dModel, (dModel * dKv) ** -0.5),
      linear(`${attention}.SelfAttention.k.weight`, inner, dModel, dModel ** -0.5),
      linear(`${attention}.SelfAttention.v.weight`, inner, dModel, dModel ** -0.5),
      linear(`${attention}.SelfAttention.o.weight`, dModel, inner, inner ** -0.5),
    );
    if (layer === 0) {
      specs.push(table(positionBiasName, config.relativeAttentionNumBuckets, numHeads, dModel ** -0.5));
    }
    specs.push(norm(`${attention}.layer_norm.weight`));
    const feedForward = `encoder.block.${layer}.layer.1`;
    for (const wi of config.isGated ? ['wi_0', 'wi_1'] : ['wi']) {
      specs.push(linear(`${feedForward}.DenseReluDense.${wi}.weight`, dFf, dModel, dModel ** -0.5));
    }
    specs.push(
      linear(`${feedForward}.DenseReluDense.wo.weight`, dModel, dFf, dFf ** -0.5),
      norm(`${feedForward}.layer_norm.weight`),
    );
  }
  specs.push(norm('encoder.final_layer_norm.weight'));
  return specs;
}

/** The one relative position bias, shared by all layers. */
export const positionBiasName = 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight';
