import type { Tensor4D } from '@tensorflow/tfjs';
import type { VQGANConfig } from './config.js';
import {
  attentionBlock,
  conv,
  type Layer,
  type LayerContext,
  normSwish,
  pointwiseConv,
  residualBlock,
  runLayers,
  upsample,
} from './layers.js';

/**
 * Quantized latents to the activations before the last convolution.
 *
 * @param quantized f32 [B, h, w, E]
 * @returns f32 [B, H, W, C]; the caller disposes
 */
export function runDecoderTrunk(context: LayerContext, config: VQGANConfig, quantized: Tensor4D): Tensor4D {
  const layers: Layer[] = [
    (x) => pointwiseConv(context, 'post_quant_conv', x),
    (x) => conv(context, 'decoder.conv_in', x),
    (x) => residualBlock(context, 'decoder.mid_block.resnets.0', x),
  ];
  const { attentionLevels, hasMidAttention } = context.structure;
  if (hasMidAttention) layers.push((x) => attentionBlock(context, 'decoder.mid_block.attentions.0', x));
  layers.push((x) => residualBlock(context, 'decoder.mid_block.resnets.1', x));
  const numBlocks = config.decoderBlockOutChannels.length;
  for (let block = 0; block < numBlocks; block++) {
    const prefix = `decoder.up_blocks.${block}`;
    for (let layer = 0; layer <= config.decoderLayersPerBlock; layer++) {
      layers.push((x) => residualBlock(context, `${prefix}.resnets.${layer}`, x));
      if (attentionLevels.includes(numBlocks - 1 - block)) {
        layers.push((x) => attentionBlock(context, `${prefix}.attentions.${layer}`, x));
      }
    }
    if (block < numBlocks - 1) layers.push((x) => upsample(context, `${prefix}.upsamplers.0`, x));
  }
  layers.push((x) => normSwish(context, 'decoder.conv_norm_out', x));
  return runLayers(context, quantized, layers);
}

/** The last convolution, to pixels. @param hidden f32 [B, H, W, C] @returns f32 [B, H, W, 3], not clipped */
export function runDecoderHead(context: LayerContext, hidden: Tensor4D): Tensor4D {
  const { tf } = context.backend;
  const pixels = conv(context, 'decoder.conv_out', hidden);
  if (context.structure.pixelRange === 'unit') return pixels;
  return tf.tidy(() => tf.div(tf.add(pixels, 1), 2));
}
