import type { Tensor4D } from '@tensorflow/tfjs';
import type { VQGANConfig } from './config.js';
import {
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
  const layers: Layer[] = [(x) => conv(context, 'encoder.conv_in', x)];
  config.blockOutChannels.forEach((_, block) => {
    const prefix = `encoder.down_blocks.${block}`;
    for (let layer = 0; layer < config.layersPerBlock; layer++) {
      layers.push((x) => residualBlock(context, `${prefix}.resnets.${layer}`, x));
    }
    if (block < config.blockOutChannels.length - 1) {
      layers.push((x) => downsample(context, `${prefix}.downsamplers.0`, x));
    }
  });
  layers.push(
    (x) => residualBlock(context, 'encoder.mid_block.resnets.0', x),
    (x) => residualBlock(context, 'encoder.mid_block.resnets.1', x),
    (x) => normSwish(context, 'encoder.conv_norm_out', x),
    (x) => conv(context, 'encoder.conv_out', x),
    (x) => pointwiseConv(context, 'quant_conv', x),
  );
  return runLayers(context, images, layers);
}
