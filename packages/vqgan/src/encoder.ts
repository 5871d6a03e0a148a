import type { Tensor4D } from '@tensorflow/tfjs';
import type { VQGANConfig } from './config.js';
import {
  attentionBlock,
  conv,
  downsample,
  type Layer,
  type LayerContext,
  normSwish,
  pointwiseConv,
  residualBlock,
  runLayers,
} from './layers.js';

/** Pixels to latents. @param images f32 [B, H, W, 3] @returns f32 [B, h, w, E]; the caller disposes */
export function runEncoder(context: LayerContext, config: VQGANConfig, images: Tensor4D): Tensor4D {
  const { attentionLevels, hasMidAttention, pixelRange } = context.structure;
  const layers: Layer[] = [];
  if (pixelRange === 'symmetric') layers.push((x) => context.backend.tf.sub(context.backend.tf.mul(x, 2), 1));
  layers.push((x) => conv(context, 'encoder.conv_in', x));
  config.blockOutChannels.forEach((_, block) => {
    const prefix = `encoder.down_blocks.${block}`;
    for (let layer = 0; layer < config.layersPerBlock; layer++) {
      layers.push((x) => residualBlock(context, `${prefix}.resnets.${layer}`, x));
      if (attentionLevels.includes(block)) {
        layers.push((x) => attentionBlock(context, `${prefix}.attentions.${layer}`, x));
      }
    }
    if (block < config.blockOutChannels.length - 1) {
      layers.push((x) => downsample(context, `${prefix}.downsamplers.0`, x));
    }
  });
  layers.push((x) => residualBlock(context, 'encoder.mid_block.resnets.0', x));
  if (hasMidAttention) layers.push((x) => attentionBlock(context, 'encoder.mid_block.attentions.0', x));
  layers.push(
    (x) => residualBlock(context, 'encoder.mid_block.resnets.1', x),
    (x) => normSwish(context, 'encoder.conv_norm_out', x),
    (x) => conv(context, 'encoder.conv_out', x),
    (x) => pointwiseConv(context, 'quant_conv', x),
  );
  return runLayers(context, images, layers);
}
