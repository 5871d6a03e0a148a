import { ConfigError } from '@muse/backend';
import { type Checkpoint, checkSpecs } from '@muse/checkpoint';
import type { VQGANConfig } from '../config.js';
import { vqModelConfigJson } from '../loadVqModel.js';
import { vqganParameters } from '../parameters.js';
import { museStructure } from '../structure.js';
import { tamingConfigJson, tamingTensors } from '../taming/weights.js';
import type { OpenedVQGAN, VQGANLayout } from './openVqgan.js';

/** A VQGAN's files in a layout that was asked for. */
export interface LaidOutVQGAN {
  /** config.json. */
  readonly config: object;
  /** The tensors under the layout's names and in its shapes. Closing it closes what was opened. */
  readonly checkpoint: Checkpoint;
  /** Usual name of the file of weights. */
  readonly file: string;
}

/**
 * A VQGAN under the names, in the shapes and with the config of a layout: ours, diffusers' VQModel or taming-transformers'. Values
 * stay as they are, so that the way back gives each tensor's bytes. What the layout can't hold is refused; all is checked before
 * any tensor is read.
 *
 * @throws ConfigError for a VQGAN that the layout can't hold, with each reason, and for MaskGIT's layout, which is only read;
 *   WeightError for tensors that do not fit the VQGAN's config
 */
export function layOutVQGAN({ config, checkpoint }: OpenedVQGAN, layout: VQGANLayout): LaidOutVQGAN {
  checkSpecs(checkpoint.name, checkpoint, vqganParameters(config));
  const reasons = reasonsAgainst(config, layout);
  if (reasons.length > 0) {
    throw new ConfigError(
      { package: 'vqgan', in: 'layOutVQGAN' },
      `${checkpoint.name}: expected a VQGAN that the layout ${layout} can hold, got one with ${reasons.join('; with ')}`,
    );
  }
  switch (layout) {
    case 'muse':
      return { config, checkpoint, file: 'model.safetensors' };
    case 'diffusers':
      return { config: vqModelConfigJson(config), checkpoint, file: 'diffusion_pytorch_model.safetensors' };
    case 'taming':
      return {
        config: tamingConfigJson(config),
        checkpoint: tamingTensors(config, checkpoint),
        file: 'model.safetensors',
      };
    case 'maskgit':
      throw new ConfigError(
        { package: 'vqgan', in: 'layOutVQGAN' },
        "expected a layout that is written too, muse, diffusers or taming, got MaskGIT's, which is only read",
      );
    default:
      return layout satisfies never;
  }
}

/** taming's `Normalize`. */
const TAMING_NUM_GROUPS = 32;

/** What a VQGAN has and a layout's own class has not. */
function reasonsAgainst(config: VQGANConfig, layout: VQGANLayout): string[] {
  if (layout === 'muse' || layout === 'maskgit') return [];
  const { blockOutChannels, decoderBlockOutChannels, layersPerBlock, decoderLayersPerBlock, normNumGroups } = config;
  const structure = config.structure ?? museStructure;
  const reasons: string[] = [];
  const unless = (holds: boolean, reason: string) => {
    if (!holds) reasons.push(reason);
  };
  unless(
    blockOutChannels.join() === decoderBlockOutChannels.join(),
    `a decoder of ${decoderBlockOutChannels.join(', ')} channels and an encoder of ${blockOutChannels.join(', ')}, where the layout has one list`,
  );
  unless(
    layersPerBlock === decoderLayersPerBlock,
    `decoderLayersPerBlock ${decoderLayersPerBlock} and layersPerBlock ${layersPerBlock}, where the layout has one number`,
  );
  unless(structure.downsampling === 'conv', 'averages in the place of strided convolutions');
  unless(structure.shortcutOf === 'input', "1×1 convolutions of a residual block's update");
  if (layout === 'diffusers') return reasons;
  unless(normNumGroups === TAMING_NUM_GROUPS, `norms of ${normNumGroups} groups, where taming's have 32`);
  unless(structure.hasMidAttention, "no attention in the middle, where taming's always has it");
  unless(structure.pixelRange === 'symmetric', "pixels in [0, 1], where taming's are in [−1, 1]");
  const [finest] = blockOutChannels as [number];
  unless(
    blockOutChannels.every((channels) => channels % finest === 0),
    `channels ${blockOutChannels.join(', ')}, where taming's are multiples of the first`,
  );
  return reasons;
}
