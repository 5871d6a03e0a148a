import { type Checkpoint, type ParameterSpec, renameTensors } from '@muse/checkpoint';
import type { VQGANConfig } from '../config.js';
import { adaptTensors } from '../layouts/adaptTensors.js';
import { countWhile, inferConfig } from '../layouts/inferConfig.js';
import { vqganParameters } from '../parameters.js';

/**
 * A VQGAN of MaskGIT (Chang et al. 2022, arXiv 2202.04200; f16 of 1024 codes) in the layout of its PyTorch ports (open-muse,
 * TiTok's first stage), as config and as a checkpoint under our names. It averages where others convolve with stride 2,
 * applies the 1×1 convolution of a residual block to the block's own update, has no convolutions around the codebook (here
 * identities) and no biases in most others (here zeros).
 *
 * @see https://github.com/google-research/maskgit maskgit/nets/vqgan_tokenizer.py
 * @throws WeightError naming a tensor that such a file has and this one lacks
 */
export function maskgitVQGAN(checkpoint: Checkpoint): {
  readonly config: VQGANConfig;
  readonly checkpoint: Checkpoint;
} {
  const names = new Set(checkpoint.names);
  const numLevels = countWhile((level) => names.has(`encoder.down.${level}.block.0.conv1.weight`));
  const config = inferConfig(
    checkpoint,
    {
      attentionLevels: [],
      hasMidAttention: false,
      downsampling: 'average',
      shortcutOf: 'update',
      pixelRange: 'unit',
    },
    { package: 'vqgan', in: 'maskgitVQGAN' },
  );
  const renamed = renameTensors(checkpoint, (name) => ourName(name, numLevels));
  return { config, checkpoint: adaptTensors(renamed, vqganParameters(config), { supply }) };
}

const convolutionBias = /\.(conv[12]?|conv_in|conv_shortcut)\.bias$|^(post_)?quant_conv\.bias$/;

/** Identities around the codebook, zeros as biases of convolutions; norms and weights must be in the file. */
function supply({ name, shape }: ParameterSpec): Float32Array | undefined {
  const size = shape.reduce((product, n) => product * n, 1);
  if (/^(post_)?quant_conv\.weight$/.test(name)) {
    const [width] = shape as [number];
    return Float32Array.from({ length: size }, (_, at) => (at % (width + 1) === 0 ? 1 : 0));
  }
  return convolutionBias.test(name) ? new Float32Array(size) : undefined;
}

/** Names that are not upstream's stay, to be reported as surplus. */
function ourName(name: string, numLevels: number): string {
  const shortcut = (path: string) => path.replace(/^nin_shortcut\./, 'conv_shortcut.');
  return (
    name
      .replace(/^(encoder|decoder)\.norm_out\./, '$1.conv_norm_out.')
      .replace(/^(encoder|decoder)\.mid\.(\d+)\.(.+)$/, (_, part, block, path) => {
        return `${part}.mid_block.resnets.${block}.${shortcut(path)}`;
      })
      .replace(/^encoder\.down\.(\d+)\.block\.(\d+)\.(.+)$/, (_, level, block, path) => {
        return `encoder.down_blocks.${level}.resnets.${block}.${shortcut(path)}`;
      })
      // The decoder's levels are numbered from the finest, its blocks here from the coarsest.
      .replace(/^decoder\.up\.(\d+)\.block\.(\d+)\.(.+)$/, (_, level, block, path) => {
        return `decoder.up_blocks.${numLevels - 1 - Number(level)}.resnets.${block}.${shortcut(path)}`;
      })
      .replace(/^decoder\.up\.(\d+)\.upsample_conv\./, (_, level) => {
        return `decoder.up_blocks.${numLevels - 1 - Number(level)}.upsamplers.0.conv.`;
      })
  );
}
