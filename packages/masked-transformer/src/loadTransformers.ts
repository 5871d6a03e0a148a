import type { Backend } from '@muse/backend';
import { type LoadModelOptions, loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { resolveMaskedTransformerConfig } from './config.js';
import { MaskedTransformer } from './maskedTransformer.js';
import { maskedTransformerParameters, superResTransformerParameters } from './parameters.js';
import { resolveSuperResTransformerConfig } from './superResConfig.js';
import { SuperResTransformer } from './superResTransformer.js';

/**
 * Loads `config.json` and `model.safetensors` of a model folder's transformer. The caller disposes it.
 *
 * @throws ConfigError for a bad configuration, WeightError for weights that do not fit it, UnsupportedBackendError for a dtype
 * that the device lacks
 */
export async function loadMaskedTransformer(
  backend: Backend,
  component: ModelComponent,
  options: LoadModelOptions = {},
): Promise<MaskedTransformer> {
  const config = resolveMaskedTransformerConfig(component.config);
  const parameters = await loadComponentParameters(backend, component, maskedTransformerParameters(config), options);
  return new MaskedTransformer(backend, config, parameters);
}

/**
 * Loads `config.json` and `model.safetensors` of a model folder's super-resolution transformer. The caller disposes it.
 *
 * @throws ConfigError for a bad configuration, WeightError for weights that do not fit it, UnsupportedBackendError for a dtype
 * that the device lacks
 */
export async function loadSuperResTransformer(
  backend: Backend,
  component: ModelComponent,
  options: LoadModelOptions = {},
): Promise<SuperResTransformer> {
  const config = resolveSuperResTransformerConfig(component.config);
  const parameters = await loadComponentParameters(backend, component, superResTransformerParameters(config), options);
  return new SuperResTransformer(backend, config, parameters);
}
