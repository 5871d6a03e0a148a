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
} from './layers.js';

/** The layers from pixels to latents, by resolution: each ends with the downsampling to the next. */
export function encoderLevels(context: LayerContext, config: VQGANConfig): readonly Layer[][] {
  const { attentionLevels, hasMidAttention, pixelRange } = context.structure;
  const numBlocks = config.blockOutChannels.length;
  return config.blockOutChannels.map((_, block) => {
    const layers: Layer[] = [];
    if (block === 0) {
      if (pixelRange === 'symmetric') layers.push((x) => context.backend.tf.sub(context.backend.tf.mul(x, 2), 1));
      layers.push((x) => conv(context, 'encoder.conv_in', x));
    }
    const prefix = `encoder.down_blocks.${block}`;
    for (let layer = 0; layer < config.layersPerBlock; layer++) {
      layers.push((x, isOwned) => residualBlock(context, `${prefix}.resnets.${layer}`, x, isOwned));
      if (attentionLevels.includes(block)) {
        layers.push((x) => attentionBlock(context, `${prefix}.attentions.${layer}`, x));
      }
    }
    if (block < numBlocks - 1) {
      layers.push((x) => downsample(context, `${prefix}.downsamplers.0`, x));
      return layers;
    }
    layers.push((x, isOwned) => residualBlock(context, 'encoder.mid_block.resnets.0', x, isOwned));
    if (hasMidAttention) layers.push((x) => attentionBlock(context, 'encoder.mid_block.attentions.0', x));
    layers.push(
      (x, isOwned) => residualBlock(context, 'encoder.mid_block.resnets.1', x, isOwned),
      (x) => normSwish(context, 'encoder.conv_norm_out', x),
      (x) => conv(context, 'encoder.conv_out', x),
      (x) => pointwiseConv(context, 'quant_conv', x),
    );
    return layers;
  });
}
