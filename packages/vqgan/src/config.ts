import { ConfigError } from '@muse/backend';
import { resolveStructure, type VQGANStructure } from './structure.js';

/** A VQGAN; as in Muse (arXiv 2301.00704, section 2.2) fully convolutional, unless `structure` says otherwise. */
export interface VQGANConfig {
  /** Side of the training images in pixels. The model takes any multiple of its downsampling factor. */
  readonly imageSize: number;
  /** Encoder channels per resolution, finest first. Each entry after the first halves the resolution. */
  readonly blockOutChannels: readonly number[];
  /** Residual blocks per resolution of the encoder. */
  readonly layersPerBlock: number;
  /** Decoder channels per resolution, finest first, as many as the encoder's; wider in the paper's finetuned decoder. */
  readonly decoderBlockOutChannels: readonly number[];
  /** The decoder has this many residual blocks per resolution and one more, as in taming-transformers and diffusers. */
  readonly decoderLayersPerBlock: number;
  /** Groups of every group norm; divides every channel count. */
  readonly normNumGroups: number;
  /** Number of codes, V. */
  readonly codebookSize: number;
  /** Width of a code, E, which is also the width of the latents. */
  readonly codebookDim: number;
  /** Where a published model is built otherwise. */
  readonly structure?: VQGANStructure;
}

export const vqganPresetNames = ['tiny', 'emoji', 'paper-f16', 'paper-f16-finetuned', 'paper-f8'] as const;
export type VQGANPresetName = (typeof vqganPresetNames)[number];

/**
 * Named configurations. Of the paper's own the text gives: 128 channels and 2 residual blocks per resolution, 8192
 * codes, f16 at 256 px and f8 at 512 px, and a finetuned decoder of 256 channels and 4 blocks. It does not give
 * multipliers and code width: [1, 1, 2, 2, 4] and 256 are MaskGIT's (same authors), [1, 1, 2, 4] is taming's f8.
 */
export const vqganPresets: Readonly<Record<VQGANPresetName, VQGANConfig>> = {
  tiny: {
    imageSize: 16,
    blockOutChannels: [6, 10],
    layersPerBlock: 1,
    decoderBlockOutChannels: [6, 10],
    decoderLayersPerBlock: 1,
    normNumGroups: 2,
    codebookSize: 13,
    codebookDim: 5,
  },
  // Few channels where there are many pixels: 1.2 GFLOP per image there and back, so that two CPU cores can train it.
  emoji: {
    imageSize: 64,
    blockOutChannels: [16, 32, 64, 128],
    layersPerBlock: 1,
    decoderBlockOutChannels: [16, 32, 64, 192],
    decoderLayersPerBlock: 1,
    normNumGroups: 8,
    codebookSize: 1024,
    codebookDim: 16,
  },
  'paper-f16': paperPreset(256, [1, 1, 2, 2, 4]),
  'paper-f16-finetuned': {
    ...paperPreset(256, [1, 1, 2, 2, 4]),
    decoderBlockOutChannels: [256, 256, 512, 512, 1024],
    decoderLayersPerBlock: 4,
  },
  'paper-f8': paperPreset(512, [1, 1, 2, 4]),
};

function paperPreset(imageSize: number, multipliers: readonly number[]): VQGANConfig {
  const channels = multipliers.map((multiplier) => 128 * multiplier);
  return {
    imageSize,
    blockOutChannels: channels,
    layersPerBlock: 2,
    decoderBlockOutChannels: channels,
    decoderLayersPerBlock: 2,
    normNumGroups: 32,
    codebookSize: 8192,
    codebookDim: 256,
  };
}

/** What must be given; the decoder's fields follow the encoder's, and 32 groups are usual. */
export type VQGANOptions = Partial<Omit<VQGANConfig, 'structure'>> & {
  readonly structure?: Partial<VQGANStructure>;
} & Pick<VQGANConfig, 'imageSize' | 'blockOutChannels' | 'layersPerBlock' | 'codebookSize' | 'codebookDim'>;

const place = { package: 'vqgan', in: 'resolveVQGANConfig' };

/**
 * A complete and valid configuration from a preset's name or from fields, such as a parsed `config.json`.
 *
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveVQGANConfig(options: VQGANPresetName | VQGANOptions): VQGANConfig {
  if (typeof options === 'string') {
    const preset = Object.hasOwn(vqganPresets, options) ? vqganPresets[options] : undefined;
    if (!preset) throw new ConfigError(place, `expected one of ${vqganPresetNames.join(', ')}, got "${options}"`);
    return preset;
  }
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(place, `expected a preset name or an object, got ${options}`);
  }
  const config: VQGANConfig = {
    imageSize: options.imageSize,
    blockOutChannels: options.blockOutChannels,
    layersPerBlock: options.layersPerBlock,
    decoderBlockOutChannels: options.decoderBlockOutChannels ?? options.blockOutChannels,
    decoderLayersPerBlock: options.decoderLayersPerBlock ?? options.layersPerBlock,
    normNumGroups: options.normNumGroups ?? 32,
    codebookSize: options.codebookSize,
    codebookDim: options.codebookDim,
    ...(options.structure && {
      structure: resolveStructure(options.structure, options.blockOutChannels?.length ?? 0, place),
    }),
  };
  validate(config);
  return config;
}

/** No model has as many: more is a broken file, whose tensors would fill the memory before one is missed. */
const MAX_LAYERS = 1000;

function validate(config: VQGANConfig): void {
  requireInteger(config, 'layersPerBlock', 1, MAX_LAYERS);
  requireInteger(config, 'decoderLayersPerBlock', 0, MAX_LAYERS);
  requireInteger(config, 'normNumGroups', 1);
  requireInteger(config, 'codebookSize', 2);
  requireInteger(config, 'codebookDim', 1);
  for (const field of ['blockOutChannels', 'decoderBlockOutChannels'] as const) {
    const channels: unknown = config[field];
    const isValid =
      Array.isArray(channels) &&
      channels.length > 0 &&
      channels.every((size) => Number.isInteger(size) && size > 0 && size % config.normNumGroups === 0);
    if (!isValid) {
      const expected = `expected ${field} to be multiples of normNumGroups ${config.normNumGroups}`;
      throw new ConfigError(place, `${expected}, got ${JSON.stringify(channels)}`);
    }
  }
  const { blockOutChannels, decoderBlockOutChannels } = config;
  if (blockOutChannels.length !== decoderBlockOutChannels.length) {
    const expected = `expected ${blockOutChannels.length} decoderBlockOutChannels, as many as blockOutChannels`;
    throw new ConfigError(place, `${expected}, got ${decoderBlockOutChannels.length}`);
  }
  const factor = downsampleFactorOf(config);
  requireInteger(config, 'imageSize', factor);
  if (config.imageSize % factor !== 0) {
    throw new ConfigError(place, `expected imageSize to be a multiple of ${factor}, got ${config.imageSize}`);
  }
}

type NumberField = {
  [K in keyof VQGANConfig]-?: VQGANConfig[K] extends number ? K : never;
}[keyof VQGANConfig];

function requireInteger(
  config: VQGANConfig,
  field: NumberField,
  minimum: number,
  maximum = Number.MAX_SAFE_INTEGER,
): void {
  const value = config[field];
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `in [${minimum}, ${maximum}]`;
    throw new ConfigError(place, `expected ${field} to be an integer ${range}, got ${JSON.stringify(value)}`);
  }
}

/** Pixels per token along each axis: f = 2^(resolutions − 1). */
export function downsampleFactorOf(config: Pick<VQGANConfig, 'blockOutChannels'>): number {
  return 2 ** (config.blockOutChannels.length - 1);
}

/** An image size of a published file, which may be none: any that is no multiple of the factor, then `otherwise`. */
export function imageSizeFrom(size: unknown, factor: number, otherwise: number): number {
  const isSize = typeof size === 'number' && size > 0 && Number.isSafeInteger(size / factor);
  return isSize ? size : otherwise;
}
