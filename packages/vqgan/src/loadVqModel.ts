import { type Backend, ConfigError } from '@muse/backend';
import { isObject, loadComponentParameters, type ModelComponent } from '@muse/checkpoint';
import { downsampleFactorOf, imageSizeFrom, resolveVQGANConfig, type VQGANConfig } from './config.js';
import { vqganParameters } from './parameters.js';
import { museStructure, type VQGANStructure } from './structure.js';
import { VQGAN } from './vqgan.js';

const place = { package: 'vqgan', in: 'resolveVQModelConfig' };

const blocks = {
  down_block_types: { plain: 'DownEncoderBlock2D', attention: 'AttnDownEncoderBlock2D' },
  up_block_types: { plain: 'UpDecoderBlock2D', attention: 'AttnUpDecoderBlock2D' },
} as const;

/** Fields of a VQModel that would change what is computed; each with the one value that a VQGAN has. */
const fixedFields: Readonly<Record<string, { readonly only: unknown; readonly byDefault: unknown }>> = {
  _class_name: { only: 'VQModel', byDefault: undefined },
  act_fn: { only: 'silu', byDefault: 'silu' },
  in_channels: { only: 3, byDefault: 3 },
  out_channels: { only: 3, byDefault: 3 },
  norm_type: { only: 'group', byDefault: 'group' },
};

/**
 * The configuration of a VQGAN from diffusers' parsed config.json of a VQModel. A VQModel does not say its pixels' range: those of
 * aMUSEd, which look tokens up in the codebook, have [0, 1]; all others in diffusers' pipelines (latent diffusion, VQ-Diffusion)
 * have [−1, 1].
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
  } = fields;
  const codebookDim = fields.vq_embed_dim ?? latentChannels;
  const structure = structureOf(fields, blockOutChannels);
  if (codebookDim !== latentChannels)
    throw invalid('vq_embed_dim', `latent_channels = ${JSON.stringify(latentChannels)}`, codebookDim);
  const sizes = { blockOutChannels, layersPerBlock, normNumGroups, codebookSize, codebookDim } as Omit<
    VQGANConfig,
    'imageSize' | 'decoderBlockOutChannels' | 'decoderLayersPerBlock'
  >;
  // diffusers computes nothing by sample_size, so it may be anything.
  const factor = downsampleFactorOf(sizes);
  const imageSize = imageSizeFrom(fields.sample_size, factor, factor);
  const isMuse = JSON.stringify(structure) === JSON.stringify(museStructure);
  return resolveVQGANConfig({ ...sizes, imageSize, ...(!isMuse && { structure }) });
}

/** diffusers' config.json of a VQGAN that is built as its VQModel; what {@link resolveVQModelConfig} reads as the same. */
export function vqModelConfigJson(config: VQGANConfig): Record<string, unknown> {
  const { blockOutChannels, layersPerBlock, normNumGroups, codebookSize, codebookDim, imageSize } = config;
  const { attentionLevels, hasMidAttention, pixelRange } = config.structure ?? museStructure;
  const types = ({ plain, attention }: (typeof blocks)[keyof typeof blocks]) =>
    blockOutChannels.map((_, level) => (attentionLevels.includes(level) ? attention : plain));
  return {
    _class_name: 'VQModel',
    act_fn: 'silu',
    block_out_channels: blockOutChannels,
    down_block_types: types(blocks.down_block_types),
    // As aMUSEd's: pipelines at f16 decode at f32.
    force_upcast: true,
    in_channels: 3,
    latent_channels: codebookDim,
    layers_per_block: layersPerBlock,
    lookup_from_codebook: pixelRange === 'unit',
    mid_block_add_attention: hasMidAttention,
    norm_num_groups: normNumGroups,
    norm_type: 'group',
    num_vq_embeddings: codebookSize,
    out_channels: 3,
    sample_size: imageSize,
    up_block_types: types(blocks.up_block_types).reverse(),
    vq_embed_dim: codebookDim,
  };
}

function structureOf(fields: Record<string, unknown>, channels: unknown): VQGANStructure {
  if (!Array.isArray(channels) || channels.length === 0) throw invalid('block_out_channels', 'a list', channels);
  const down = attentionLevels(fields, 'down_block_types', channels.length);
  const up = attentionLevels(fields, 'up_block_types', channels.length);
  const levels = (which: readonly boolean[]) => which.flatMap((has, level) => (has ? [level] : []));
  if (down.join() !== up.reverse().join()) {
    throw invalid('up_block_types', 'with attention where down_block_types has it', fields.up_block_types);
  }
  return {
    ...museStructure,
    attentionLevels: levels(down),
    hasMidAttention: boolean(fields, 'mid_block_add_attention', true),
    pixelRange: boolean(fields, 'lookup_from_codebook', false) ? 'unit' : 'symmetric',
  };
}

function boolean(fields: Record<string, unknown>, name: string, byDefault: boolean): boolean {
  const value = fields[name] ?? byDefault;
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value);
  return value;
}

/** Of each block whether it has attention. */
function attentionLevels(fields: Record<string, unknown>, name: keyof typeof blocks, count: number): boolean[] {
  const { plain, attention } = blocks[name];
  const types = fields[name];
  const areKnown =
    Array.isArray(types) && types.length === count && types.every((type) => type === plain || type === attention);
  if (areKnown) return types.map((type) => type === attention);
  throw invalid(name, `${count} times ${plain} or ${attention}, as many as block_out_channels`, types);
}

function invalid(field: string, expected: string, got: unknown): ConfigError {
  return new ConfigError(place, `expected ${field} to be ${expected}, got ${JSON.stringify(got) ?? String(got)}`);
}

/**
 * Loads the VQModel of aMUSEd's diffusers folder: `config.json` and weights as they stand.
 *
 * @throws ConfigError for a config of another kind of model, WeightError for weights that do not fit it
 */
export async function loadVQModel(backend: Backend, component: ModelComponent): Promise<VQGAN> {
  const config = resolveVQModelConfig(component.config);
  if (config.structure?.pixelRange === 'symmetric') throw invalid('lookup_from_codebook', 'true', false);
  return new VQGAN(backend, config, await loadComponentParameters(backend, component, vqganParameters(config)));
}
