import type { Backend } from '@muse/backend';
import { type LoadModelOptions, loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { resolveUViTConfig } from './config.js';
import { uvitParameters } from './parameters.js';
import { UViT } from './uvit.js';

/**
 * Loads a diffusers folder's transformer: `config.json` of a UVit2DModel and its weights. The caller disposes it.
 *
 * @throws ConfigError for a bad configuration, WeightError for weights that do not fit it, UnsupportedBackendError for a dtype
 * that the device lacks
 */
export async function loadUViT(
  backend: Backend,
  component: ModelComponent,
  options: LoadModelOptions = {},
): Promise<UViT> {
  const config = resolveUViTConfig(component.config);
  return new UViT(backend, config, await loadComponentParameters(backend, component, uvitParameters(config), options));
}
