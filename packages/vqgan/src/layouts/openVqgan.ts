import type { Checkpoint, ModelComponent } from '@muse/checkpoint';
import { resolveVQGANConfig, type VQGANConfig, type VQGANOptions } from '../config.js';
import { vqModelTensors } from '../diffusers/weights.js';
import { resolveVQModelConfig } from '../loadVqModel.js';
import { maskgitVQGAN } from '../maskgit/weights.js';
import { QUANTIZER } from '../parameters.js';
import { checkTamingConfig, tamingVQGAN } from '../taming/weights.js';

/** Whose names, shapes and configuration a VQGAN's files have. */
export type VQGANLayout = 'muse' | 'diffusers' | 'taming' | 'maskgit';

/** A VQGAN's files, in whatever layout they are, as ours. */
export interface OpenedVQGAN {
  /** What they are. */
  readonly layout: VQGANLayout;
  readonly config: VQGANConfig;
  /** The tensors under our names and in our shapes. The caller closes it. */
  readonly checkpoint: Checkpoint;
}

/**
 * Opens a VQGAN of any layout that is known, and reads no tensor: ours, diffusers' VQModel, taming-transformers' and that of
 * MaskGIT's ports. The last two are told by the names of their tensors, and need no config: `component.config` may be anything.
 *
 * @throws ConfigError for a bad config, WeightError for weights that no layout has, and for a Gumbel VQGAN
 */
export async function openVQGAN(component: ModelComponent): Promise<OpenedVQGAN> {
  checkTamingConfig(component.config, `${component.folder.location}/config.json`);
  const checkpoint = await component.checkpoint();
  try {
    return readLayout(checkpoint, component.config);
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

function readLayout(checkpoint: Checkpoint, config: unknown): OpenedVQGAN {
  const names = new Set(checkpoint.names);
  if (names.has('encoder.down.0.block.0.conv1.weight')) {
    return names.has('quant_conv.weight')
      ? { layout: 'taming', ...tamingVQGAN(checkpoint, config) }
      : { layout: 'maskgit', ...maskgitVQGAN(checkpoint) };
  }
  const isDiffusers = typeof config === 'object' && config !== null && '_class_name' in config;
  return isDiffusers
    ? { layout: 'diffusers', config: resolveVQModelConfig(config), checkpoint: vqModelTensors(checkpoint) }
    : { layout: 'muse', config: resolveVQGANConfig(config as VQGANOptions), checkpoint };
}

/** Whether weights are those of a VQGAN, of a kind that is known or not: they have a quantizer. */
export function isVQGAN({ names }: Pick<Checkpoint, 'names'>): boolean {
  return names.some((name) => name.startsWith(QUANTIZER));
}
