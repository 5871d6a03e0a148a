import type { ParameterSpec } from '@muse/checkpoint';
import { numMicroConds, type UViTConfig } from './config.js';

const INIT_STD = 0.02;

/** Every tensor of the model by diffusers' names and shapes: linears and convolutions without biases, norms with a gain only. */
export function uvitParameters(config: UViTConfig): ParameterSpec[] {
  const { hiddenSize: D, blockChannels: C, embedChannels, codebookSize, vocabSize, textDim } = config;
  const specs: ParameterSpec[] = [
    linear('encoder_proj.weight', D, textDim),
    gain('encoder_proj_layer_norm.weight', D),
    table('embed.embeddings.weight', vocabSize, embedChannels),
    gain('embed.layer_norm.weight', embedChannels),
    conv('embed.conv.weight', C, embedChannels, 1),
    linear('cond_embed.linear_1.weight', D, config.pooledTextDim + numMicroConds * config.microCondDim),
    linear('cond_embed.linear_2.weight', D, D),
  ];
  if (config.isDownsampled) {
    specs.push(gain('down_block.downsample.norm.weight', C), conv('down_block.downsample.conv.weight', C, C, 2));
  }
  specs.push(...blockSpecs('down_block', config));
  specs.push(gain('project_to_hidden_norm.weight', C), linear('project_to_hidden.weight', D, C));
  for (let layer = 0; layer < config.numLayers; layer++) {
    specs.push(...layerSpecs(`transformer_layers.${layer}`, config));
  }
  specs.push(gain('project_from_hidden_norm.weight', D), linear('project_from_hidden.weight', C, D));
  specs.push(...blockSpecs('up_block', config));
  if (config.isDownsampled) {
    // A transposed convolution, [in, out, 2, 2] in the file; in and out are alike.
    specs.push(gain('up_block.upsample.norm.weight', C), conv('up_block.upsample.conv.weight', C, C, 2));
  }
  specs.push(
    conv('mlm_layer.conv1.weight', embedChannels, C, 1),
    gain('mlm_layer.layer_norm.weight', embedChannels),
    conv('mlm_layer.conv2.weight', codebookSize, embedChannels, 1),
  );
  return specs;
}

function blockSpecs(block: string, { blockChannels: C, hiddenSize: D, numResBlocks }: UViTConfig): ParameterSpec[] {
  return Array.from({ length: numResBlocks }, (_, i) => {
    const res = `${block}.res_blocks.${i}`;
    const attention = `${block}.attention_blocks.${i}`;
    return [
      conv(`${res}.depthwise.weight`, C, 1, 3),
      gain(`${res}.norm.weight`, C),
      linear(`${res}.channelwise_linear_1.weight`, 4 * C, C),
      responseNorm(`${res}.channelwise_norm.gamma`, 4 * C),
      responseNorm(`${res}.channelwise_norm.beta`, 4 * C),
      linear(`${res}.channelwise_linear_2.weight`, C, 4 * C),
      linear(`${res}.cond_embeds_mapper.weight`, 2 * C, D),
      // diffusers leaves the mapper out where it would map a width to itself.
      ...(C === D ? [] : [linear(`${attention}.kv_mapper.weight`, C, D)]),
      gain(`${attention}.norm1.weight`, C),
      ...attentionSpecs(`${attention}.attn1`, C),
      gain(`${attention}.norm2.weight`, C),
      ...attentionSpecs(`${attention}.attn2`, C),
    ];
  }).flat();
}

function layerSpecs(layer: string, { hiddenSize: D, mlpDim }: UViTConfig): ParameterSpec[] {
  const norm = (name: string) => [
    gain(`${layer}.${name}.norm.weight`, D),
    linear(`${layer}.${name}.linear.weight`, 2 * D, D),
  ];
  return [
    ...norm('norm1'),
    ...attentionSpecs(`${layer}.attn1`, D),
    ...norm('norm2'),
    ...attentionSpecs(`${layer}.attn2`, D),
    ...norm('norm3'),
    linear(`${layer}.ff.net.0.proj.weight`, 2 * mlpDim, D),
    linear(`${layer}.ff.net.2.weight`, D, mlpDim),
  ];
}

function attentionSpecs(name: string, width: number): ParameterSpec[] {
  return ['to_q', 'to_k', 'to_v', 'to_out.0'].map((part) => linear(`${name}.${part}.weight`, width, width));
}

function linear(name: string, outSize: number, inSize: number): ParameterSpec {
  return { name, shape: [outSize, inSize], layout: 'linear', init: { kind: 'normal', std: INIT_STD } };
}

function conv(name: string, outSize: number, inSize: number, kernelSize: number): ParameterSpec {
  const shape = [outSize, inSize, kernelSize, kernelSize];
  return { name, shape, layout: 'conv', init: { kind: 'normal', std: INIT_STD } };
}

function table(name: string, rows: number, width: number): ParameterSpec {
  return { name, shape: [rows, width], layout: 'none', init: { kind: 'normal', std: INIT_STD } };
}

function gain(name: string, width: number): ParameterSpec {
  return { name, shape: [width], layout: 'none', init: { kind: 'ones' } };
}

function responseNorm(name: string, width: number): ParameterSpec {
  return { name, shape: [1, 1, 1, width], layout: 'none', init: { kind: 'zeros' } };
}
