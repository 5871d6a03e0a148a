import { type Backend, ConfigError } from '@muse/backend';
import { isObject, loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { downsampleFactorOf, imageSizeFrom, resolveVQGANConfig, type VQGANConfig } from './config.js';
import { vqganParameters } from './parameters.js';
import { VQGAN } from './vqgan.js';

const place = { package: 'vqgan', in: 'resolveVQModelConfig' };

const DOWN_BLOCK = 'DownEncoderBlock2D';
const UP_BLOCK = 'UpDecoderBlock2D';

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
  checkBlocks(fields, 'down_block_types', DOWN_BLOCK, blockOutChannels);
  checkBlocks(fields, 'up_block_types', UP_BLOCK, blockOutChannels);
  if (codebookDim !== latentChannels)
    throw invalid('vq_embed_dim', `latent_channels = ${JSON.stringify(latentChannels)}`, codebookDim);
  const sizes = { blockOutChannels, layersPerBlock, normNumGroups, codebookSize, codebookDim } as Omit<
    VQGANConfig,
    'imageSize' | 'decoderBlockOutChannels' | 'decoderLayersPerBlock'
  >;
  // diffusers computes nothing by sample_size, so it may be anything.
  const factor = downsampleFactorOf(sizes);
  return resolveVQGANConfig({ ...sizes, imageSize: imageSizeFrom(fields.sample_size, factor, factor) });
}

/** diffusers' config.json of a VQGAN that is built as its VQModel; what {@link resolveVQModelConfig} reads as the same. */
export function vqModelConfigJson(config: VQGANConfig): Record<string, unknown> {
  const { blockOutChannels, layersPerBlock, normNumGroups, codebookSize, codebookDim, imageSize } = config;
  return {
    _class_name: 'VQModel',
    act_fn: 'silu',
    block_out_channels: blockOutChannels,
    down_block_types: blockOutChannels.map(() => DOWN_BLOCK),
    // As aMUSEd's: pipelines at f16 decode at f32.
    force_upcast: true,
    in_channels: 3,
    latent_channels: codebookDim,
    layers_per_block: layersPerBlock,
    lookup_from_codebook: true,
    mid_block_add_attention: false,
    norm_num_groups: normNumGroups,
    norm_type: 'group',
    num_vq_embeddings: codebookSize,
    out_channels: 3,
    sample_size: imageSize,
    up_block_types: blockOutChannels.map(() => UP_BLOCK),
    vq_embed_dim: codebookDim,
  };
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
