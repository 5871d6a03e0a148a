import type { Backend } from '@muse/backend';
import { loadParameters, type ModelComponent } from '@muse/checkpoint';
import { resolveMaskedTransformerConfig } from './config.js';
import { MaskedTransformer } from './maskedTransformer.js';
import { maskedTransformerParameters } from './parameters.js';

/**
 * Loads `config.json` and `model.safetensors` of a model folder's transformer. The caller disposes it.
 *
 * @throws ConfigError for a bad configuration, WeightError for weights that do not fit it
 */
export async function loadMaskedTransformer(backend: Backend, component: ModelComponent): Promise<MaskedTransformer> {
  const config = resolveMaskedTransformerConfig(component.config);
  const checkpoint = await component.checkpoint();
  try {
    const parameters = await loadParameters(backend, checkpoint, maskedTransformerParameters(config), {
      name: component.name,
    });
    return new MaskedTransformer(backend, config, parameters);
  } finally {
    await checkpoint.close();
  }
}
