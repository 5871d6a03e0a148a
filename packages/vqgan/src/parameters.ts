import type { ParameterSpec } from '@muse/checkpoint';
import type { VQGANConfig } from './config.js';
import { museStructure, type VQGANStructure } from './structure.js';

/** What names of the quantizer's tensors begin with, in every layout. */
export const QUANTIZER = 'quantize.';

/** Name of the codebook, f32 [V, E]. */
export const CODEBOOK = `${QUANTIZER}embedding.weight`;

const IMAGE_CHANNELS = 3;

/**
 * Every tensor of a VQGAN, named as in diffusers' VQModel, so that files go both ways.
 * Convolutions start normal with variance 1 / fan-in (LeCun), as in MaskGIT; the codebook standard normal, until
 * `initializeCodebook` replaces it by encoder outputs.
 */
export function vqganParameters(config: VQGANConfig): ParameterSpec[] {
  const { codebookDim, codebookSize } = config;
  return [
    ...encoderParameters(config),
    ...convParameters('quant_conv', codebookDim, codebookDim, 1),
    { name: CODEBOOK, shape: [codebookSize, codebookDim], layout: 'none', init: { kind: 'normal', std: 1 } },
    ...convParameters('post_quant_conv', codebookDim, codebookDim, 1),
    ...decoderParameters(config),
  ];
}

function encoderParameters(config: VQGANConfig): ParameterSpec[] {
  const { blockOutChannels, layersPerBlock, codebookDim, structure = museStructure } = config;
  const specs = convParameters('encoder.conv_in', IMAGE_CHANNELS, blockOutChannels[0]!, 3);
  blockOutChannels.forEach((outChannels, block) => {
    const inChannels = blockOutChannels[Math.max(block - 1, 0)]!;
    const prefix = `encoder.down_blocks.${block}`;
    for (let layer = 0; layer < layersPerBlock; layer++) {
      const layerIn = layer === 0 ? inChannels : outChannels;
      specs.push(...resnetParameters(`${prefix}.resnets.${layer}`, layerIn, outChannels, structure));
      if (structure.attentionLevels.includes(block)) {
        specs.push(...attentionParameters(`${prefix}.attentions.${layer}`, outChannels));
      }
    }
    if (block < blockOutChannels.length - 1 && structure.downsampling === 'conv') {
      specs.push(...convParameters(`${prefix}.downsamplers.0.conv`, outChannels, outChannels, 3));
    }
  });
  const deepest = blockOutChannels.at(-1)!;
  specs.push(...midBlockParameters('encoder', deepest, structure));
  specs.push(...normParameters('encoder.conv_norm_out', deepest));
  specs.push(...convParameters('encoder.conv_out', deepest, codebookDim, 3));
  return specs;
}

function decoderParameters(config: VQGANConfig): ParameterSpec[] {
  const { structure = museStructure } = config;
  const channels = [...config.decoderBlockOutChannels].reverse(); // coarsest first
  const specs = convParameters('decoder.conv_in', config.codebookDim, channels[0]!, 3);
  specs.push(...midBlockParameters('decoder', channels[0]!, structure));
  channels.forEach((outChannels, block) => {
    const inChannels = channels[Math.max(block - 1, 0)]!;
    const prefix = `decoder.up_blocks.${block}`;
    for (let layer = 0; layer <= config.decoderLayersPerBlock; layer++) {
      const layerIn = layer === 0 ? inChannels : outChannels;
      specs.push(...resnetParameters(`${prefix}.resnets.${layer}`, layerIn, outChannels, structure));
      if (structure.attentionLevels.includes(channels.length - 1 - block)) {
        specs.push(...attentionParameters(`${prefix}.attentions.${layer}`, outChannels));
      }
    }
    if (block < channels.length - 1) {
      specs.push(...convParameters(`${prefix}.upsamplers.0.conv`, outChannels, outChannels, 3));
    }
  });
  const finest = channels.at(-1)!;
  specs.push(...normParameters('decoder.conv_norm_out', finest));
  specs.push(...convParameters('decoder.conv_out', finest, IMAGE_CHANNELS, 3));
  return specs;
}

function midBlockParameters(part: 'encoder' | 'decoder', channels: number, structure: VQGANStructure): ParameterSpec[] {
  const prefix = `${part}.mid_block`;
  return [
    ...resnetParameters(`${prefix}.resnets.0`, channels, channels, structure),
    ...(structure.hasMidAttention ? attentionParameters(`${prefix}.attentions.0`, channels) : []),
    ...resnetParameters(`${prefix}.resnets.1`, channels, channels, structure),
  ];
}

function resnetParameters(
  prefix: string,
  inChannels: number,
  outChannels: number,
  { shortcutOf }: VQGANStructure,
): ParameterSpec[] {
  const shortcutIn = shortcutOf === 'input' ? inChannels : outChannels;
  return [
    ...normParameters(`${prefix}.norm1`, inChannels),
    ...convParameters(`${prefix}.conv1`, inChannels, outChannels, 3),
    ...normParameters(`${prefix}.norm2`, outChannels),
    ...convParameters(`${prefix}.conv2`, outChannels, outChannels, 3),
    ...(inChannels === outChannels ? [] : convParameters(`${prefix}.conv_shortcut`, shortcutIn, outChannels, 1)),
  ];
}

function attentionParameters(prefix: string, channels: number): ParameterSpec[] {
  const linear = (name: string): ParameterSpec[] => [
    {
      name: `${prefix}.${name}.weight`,
      shape: [channels, channels],
      layout: 'linear',
      init: { kind: 'normal', std: 1 / Math.sqrt(channels) },
    },
    { name: `${prefix}.${name}.bias`, shape: [channels], layout: 'none', init: { kind: 'zeros' } },
  ];
  return [...normParameters(`${prefix}.group_norm`, channels), ...['to_q', 'to_k', 'to_v', 'to_out.0'].flatMap(linear)];
}

/** Weight and bias of a group norm. */
export function normParameters(name: string, channels: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [channels], layout: 'none', init: { kind: 'ones' } },
    { name: `${name}.bias`, shape: [channels], layout: 'none', init: { kind: 'zeros' } },
  ];
}

/** Weight and bias of a square convolution. */
export function convParameters(
  name: string,
  inChannels: number,
  outChannels: number,
  kernelSize: number,
): ParameterSpec[] {
  const std = 1 / Math.sqrt(inChannels * kernelSize ** 2);
  const shape = [outChannels, inChannels, kernelSize, kernelSize];
  return [
    { name: `${name}.weight`, shape, layout: 'conv', init: { kind: 'normal', std } },
    { name: `${name}.bias`, shape: [outChannels], layout: 'none', init: { kind: 'zeros' } },
  ];
}
