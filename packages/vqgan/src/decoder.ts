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
  upsample,
} from './layers.js';

/**
 * The layers from quantized latents to the activations before the last convolution, by resolution: each ends with the upsampling to
 * the next.
 */
export function decoderLevels(context: LayerContext, config: VQGANConfig): readonly Layer[][] {
  const { attentionLevels, hasMidAttention } = context.structure;
  const numBlocks = config.decoderBlockOutChannels.length;
  return config.decoderBlockOutChannels.map((_, block) => {
    const layers: Layer[] = [];
    if (block === 0) {
      layers.push(
        (x) => pointwiseConv(context, 'post_quant_conv', x),
        (x) => conv(context, 'decoder.conv_in', x),
        (x, isOwned) => residualBlock(context, 'decoder.mid_block.resnets.0', x, isOwned),
      );
      if (hasMidAttention) layers.push((x) => attentionBlock(context, 'decoder.mid_block.attentions.0', x));
      layers.push((x, isOwned) => residualBlock(context, 'decoder.mid_block.resnets.1', x, isOwned));
    }
    const prefix = `decoder.up_blocks.${block}`;
    for (let layer = 0; layer <= config.decoderLayersPerBlock; layer++) {
      layers.push((x, isOwned) => residualBlock(context, `${prefix}.resnets.${layer}`, x, isOwned));
      if (attentionLevels.includes(numBlocks - 1 - block)) {
        layers.push((x) => attentionBlock(context, `${prefix}.attentions.${layer}`, x));
      }
    }
    if (block < numBlocks - 1) layers.push((x) => upsample(context, `${prefix}.upsamplers.0`, x));
    else layers.push((x) => normSwish(context, 'decoder.conv_norm_out', x));
    return layers;
  });
}

/** The last convolution, to pixels. @param hidden f32 [B, H, W, C] @returns f32 [B, H, W, 3], not clipped */
export function runDecoderHead(context: LayerContext, hidden: Tensor4D): Tensor4D {
  const { tf } = context.backend;
  const pixels = conv(context, 'decoder.conv_out', hidden);
  if (context.structure.pixelRange === 'unit') return pixels;
  return tf.tidy(() => tf.div(tf.add(pixels, 1), 2));
}
