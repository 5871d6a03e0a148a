import type { Backend } from '@muse/backend';
import { loadParameters, type ModelComponent } from '@muse/checkpoint';
import { loadVQGAN } from './loadVqgan.js';
import { loadVQModel } from './loadVqModel.js';
import { maskgitVQGAN } from './maskgit/weights.js';
import { vqganParameters } from './parameters.js';
import { checkTamingConfig, tamingVQGAN } from './taming/weights.js';
import { VQGAN } from './vqgan.js';

/**
 * Loads a VQGAN of any layout that is known: ours, diffusers' VQModel, taming-transformers' and that of MaskGIT's ports. The
 * last two are told by the names of their tensors, and need no config: `component.config` may be anything. The caller
 * disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for weights that do not fit it or the layout, and for a Gumbel VQGAN
 */
export async function loadImageTokenizer(backend: Backend, component: ModelComponent): Promise<VQGAN> {
  const { config } = component;
  checkTamingConfig(config, `${component.folder.location}/config.json`);
  const checkpoint = await component.checkpoint();
  try {
    const names = new Set(checkpoint.names);
    if (names.has('encoder.down.0.block.0.conv1.weight')) {
      const model = names.has('quant_conv.weight') ? tamingVQGAN(checkpoint) : maskgitVQGAN(checkpoint);
      const parameters = await loadParameters(backend, model.checkpoint, vqganParameters(model.config));
      return new VQGAN(backend, model.config, parameters);
    }
  } finally {
    await checkpoint.close();
  }
  const isDiffusers = typeof config === 'object' && config !== null && '_class_name' in config;
  return isDiffusers ? loadVQModel(backend, component) : loadVQGAN(backend, component);
}
