import { type Backend, ConfigError } from '@muse/backend';
import { isObject, loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { downsampleFactorOf, resolveVQGANConfig, type VQGANConfig } from './config.js';
import { vqganParameters } from './parameters.js';
import { VQGAN } from './vqgan.js';

const place = { package: 'vqgan', in: 'resolveVQModelConfig' };

/** Fields of a VQModel that would change what is computed; each with the one value that a VQGAN has. */
const fixedFields: Readonly<Record<string, { readonly only: unknown; readonly byDefault: unknown }>> = {
  _class_name: { only: 'VQModel', byDefault: undefined },
  act_fn: { only: 'silu', byDefault: 'silu' },
  in_channels: { only: 3, byDefault: 3 },
  out_channels: { only: 3, byDefault: 3 },
  norm_type: { only: 'group', byDefault: 'group' },
  mid_block_add_attention: { only: false, byDefault: true },
  lookup_from_codebook: { only: true, byDefault: false },
};

/**
 * The configuration of a VQGAN from diffusers' parsed config.json of a VQModel, as aMUSEd has it: no attention, tokens
 * looked up in the codebook.
 *
 * @throws ConfigError naming diffusers' field, what it must be and what it is
 */
export function resolveVQModelConfig(json: unknown): VQGANConfig {
  if (!isObject(json)) throw invalid('config', 'an object', json);
  const fields = json;
  for (const [name, { only, byDefault }] of Object.entries(fixedFields)) {
    const value = fields[name] ?? byDefault;
    if (value !== only) throw invalid(name, JSON.stringify(only), value);
  }
  const {
    block_out_channels: blockOutChannels,
    layers_per_block: layersPerBlock = 1,
    norm_num_groups: normNumGroups = 32,
    num_vq_embeddings: codebookSize = 256,
    latent_channels: latentChannels = 3,
    vq_embed_dim: codebookDim = latentChannels,
  } = fields;
  checkBlocks(fields, 'down_block_types', 'DownEncoderBlock2D', blockOutChannels);
  checkBlocks(fields, 'up_block_types', 'UpDecoderBlock2D', blockOutChannels);
  if (codebookDim !== latentChannels)
    throw invalid('vq_embed_dim', `latent_channels = ${JSON.stringify(latentChannels)}`, codebookDim);
  const sizes = { blockOutChannels, layersPerBlock, normNumGroups, codebookSize, codebookDim } as Omit<
    VQGANConfig,
    'imageSize' | 'decoderBlockOutChannels' | 'decoderLayersPerBlock'
  >;
  // Images may have any size; sample_size does not say which were trained on.
  return resolveVQGANConfig({ ...sizes, imageSize: downsampleFactorOf(sizes) });
}

function checkBlocks(fields: Record<string, unknown>, name: string, only: string, channels: unknown): void {
  if (!Array.isArray(channels) || channels.length === 0) throw invalid('block_out_channels', 'a list', channels);
  const types = fields[name];
  const areOnly = Array.isArray(types) && types.length === channels.length && types.every((type) => type === only);
  if (!areOnly) throw invalid(name, `${channels.length} times ${only}, as many as block_out_channels`, types);
}

function invalid(field: string, expected: string, got: unknown): ConfigError {
  return new ConfigError(place, `expected ${field} to be ${expected}, got ${JSON.stringify(got) ?? String(got)}`);
}

/**
 * Loads a VQModel of a diffusers folder: `config.json` and weights as they stand.
 *
 * @throws ConfigError for a config of another kind of model, WeightError for weights that do not fit it
 */
export async function loadVQModel(backend: Backend, component: ModelComponent): Promise<VQGAN> {
  const config = resolveVQModelConfig(component.config);
  return new VQGAN(backend, config, await loadComponentParameters(backend, component, vqganParameters(config)));
}
