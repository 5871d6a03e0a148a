import type { Backend } from '@muse/backend';
import { loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { resolveVQGANConfig, type VQGANOptions } from './config.js';
import { vqganParameters } from './parameters.js';
import { VQGAN } from './vqgan.js';

/**
 * Loads the tokenizer of a model folder: `config.json` and `model.safetensors`.
 *
 * @throws ConfigError for a bad config, WeightError for weights that do not fit it
 */
export async function loadVQGAN(backend: Backend, component: ModelComponent): Promise<VQGAN> {
  const config = resolveVQGANConfig(component.config as VQGANOptions);
  return new VQGAN(backend, config, await loadComponentParameters(backend, component, vqganParameters(config)));
}
