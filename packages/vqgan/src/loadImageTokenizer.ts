import type { Backend } from '@muse/backend';
import { loadParameters, type ModelComponent } from '@muse/checkpoint';
import { openVQGAN } from './layouts/openVqgan.js';
import { vqganParameters } from './parameters.js';
import { VQGAN } from './vqgan.js';

/**
 * Loads a VQGAN of any layout that is known: ours, diffusers' VQModel, taming-transformers' and that of MaskGIT's ports. The
 * last two are told by the names of their tensors, and need no config: `component.config` may be anything. The caller
 * disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for weights that do not fit it or the layout, and for a Gumbel VQGAN
 */
export async function loadImageTokenizer(backend: Backend, component: ModelComponent): Promise<VQGAN> {
  const { config, checkpoint } = await openVQGAN(component);
  try {
    return new VQGAN(backend, config, await loadParameters(backend, checkpoint, vqganParameters(config)));
  } finally {
    await checkpoint.close();
  }
}
