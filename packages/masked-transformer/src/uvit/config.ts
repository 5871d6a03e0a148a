import { isObject } from '@muse/checkpoint';
import { invalidField, MAX_LAYERS } from '../configFields.js';

/** Sizes of aMUSEd's transformer (Patil et al. 2024, arXiv 2401.01808), diffusers' UVit2DModel. */
export interface UViTConfig {
  /** Side h = w of the token grid; S = latentSize². */
  readonly latentSize: number;
  /** Codes of the tokenizer, V. */
  readonly codebookSize: number;
  /** Rows of the token embedding, more than V; the last is the mask. */
  readonly vocabSize: number;
  /** Width D of the transformer's layers. */
  readonly hiddenSize: number;
  readonly numLayers: number;
  /** Heads of the layers; divides hiddenSize. */
  readonly numHeads: number;
  /** Inner width F of the layers' MLP. */
  readonly mlpDim: number;
  /** Width of embedding and head. */
  readonly embedChannels: number;
  /** Width C of the convolutional blocks around the layers. */
  readonly blockChannels: number;
  /** Convolutions, each with its attention, in each of the two blocks. */
  readonly numResBlocks: number;
  /** Heads in the blocks; divides blockChannels. */
  readonly blockNumHeads: number;
  /** Whether the layers work on a grid of half the side (aMUSEd-512). */
  readonly isDownsampled: boolean;
  /** Width of the text states. */
  readonly textDim: number;
  /** Width of the pooled text. */
  readonly pooledTextDim: number;
  /** Width of the sinusoid of each of the five micro-conditions; even. */
  readonly microCondDim: number;
  readonly layerNormEpsilon: number;
}

/** Size and crop of the original image (two each) and its aesthetic score. */
export const numMicroConds = 5;

const amused: UViTConfig = {
  latentSize: 16,
  codebookSize: 8192,
  vocabSize: 8256,
  hiddenSize: 1024,
  numLayers: 22,
  numHeads: 16,
  mlpDim: 2816,
  embedChannels: 768,
  blockChannels: 768,
  numResBlocks: 3,
  blockNumHeads: 12,
  isDownsampled: false,
  textDim: 768,
  pooledTextDim: 768,
  microCondDim: 256,
  layerNormEpsilon: 1e-6,
};

/** The published sizes. */
export const uvitPresets = {
  'amused-256': amused,
  'amused-512': { ...amused, latentSize: 32, isDownsampled: true },
} as const satisfies Record<string, UViTConfig>;

export type UViTPresetName = keyof typeof uvitPresets;

/** Field here → field and default of UVit2DModel's config.json. */
const upstream = {
  latentSize: ['sample_size', 32],
  codebookSize: ['codebook_size', 8192],
  vocabSize: ['vocab_size', 8256],
  hiddenSize: ['hidden_size', 1024],
  numLayers: ['num_hidden_layers', 22],
  numHeads: ['num_attention_heads', 16],
  mlpDim: ['intermediate_size', 2816],
  embedChannels: ['in_channels', 768],
  blockChannels: ['block_out_channels', 768],
  numResBlocks: ['num_res_blocks', 3],
  blockNumHeads: ['block_num_heads', 12],
  textDim: ['encoder_hidden_size', 768],
  pooledTextDim: ['cond_embed_dim', 768],
  microCondDim: ['micro_cond_encode_dim', 256],
} as const satisfies Partial<Record<keyof UViTConfig, readonly [string, number]>>;

const sizeFields = Object.keys(upstream) as (keyof typeof upstream)[];

const invalid = invalidField('resolveUViTConfig');

/**
 * A checked configuration.
 *
 * @param source a preset's name, a whole configuration, or diffusers' parsed `config.json` of a UVit2DModel
 * @throws ConfigError naming the field (of a config.json: diffusers' name), what it must be and what it is
 */
export function resolveUViTConfig(source: UViTPresetName | UViTConfig | unknown): UViTConfig {
  if (typeof source === 'string') {
    if (!Object.hasOwn(uvitPresets, source))
      throw invalid('preset', `one of ${Object.keys(uvitPresets).join(', ')}`, source);
    return uvitPresets[source as UViTPresetName];
  }
  if (!isObject(source)) throw invalid('config', "a preset's name or an object", source);
  if (!('latentSize' in source)) return fromDiffusers(source);
  check(source, (field) => field);
  return source as unknown as UViTConfig;
}

function fromDiffusers(json: Record<string, unknown>): UViTConfig {
  const className = json._class_name;
  if (className !== 'UVit2DModel') throw invalid('_class_name', '"UVit2DModel"', className);
  // Fields that change what the tensors are: other values have never been published.
  for (const [field, value] of [
    ['use_bias', false],
    ['ln_elementwise_affine', true],
  ] as const) {
    if ((json[field] ?? value) !== value) throw invalid(field, String(value), json[field]);
  }
  const [isDownsampled, isUpsampled] = [json.downsample ?? false, json.upsample ?? false];
  if (isDownsampled !== isUpsampled)
    throw invalid('upsample', `what downsample is, ${JSON.stringify(isDownsampled)}`, isUpsampled);
  const sizes = sizeFields.map((field) => {
    const [name, byDefault] = upstream[field];
    return [field, json[name] ?? byDefault];
  });
  const config = { ...Object.fromEntries(sizes), isDownsampled, layerNormEpsilon: json.layer_norm_eps ?? 1e-6 };
  check(config, (field) => (field in upstream ? upstream[field as keyof typeof upstream][0] : field));
  const microSize = json.micro_cond_embed_dim ?? 1280;
  const expected = numMicroConds * config.microCondDim;
  if (microSize !== expected) {
    throw invalid('micro_cond_embed_dim', `${numMicroConds} · micro_cond_encode_dim = ${expected}`, microSize);
  }
  return config;
}

function check(fields: Record<string, unknown>, nameOf: (field: string) => string): void {
  for (const field of sizeFields) {
    const value = fields[field];
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw invalid(nameOf(field), 'a whole number of at least 1', value);
    }
  }
  for (const field of ['numLayers', 'numResBlocks'] as const) {
    if ((fields[field] as number) > MAX_LAYERS) throw invalid(nameOf(field), `at most ${MAX_LAYERS}`, fields[field]);
  }
  const config = fields as unknown as UViTConfig;
  const divides = (field: keyof UViTConfig, by: keyof UViTConfig) => {
    if (Number(config[field]) % Number(config[by]) === 0) return;
    throw invalid(nameOf(field), `a multiple of ${nameOf(by)} = ${config[by]}`, config[field]);
  };
  divides('hiddenSize', 'numHeads');
  divides('blockChannels', 'blockNumHeads');
  if (config.vocabSize <= config.codebookSize) {
    throw invalid(
      nameOf('vocabSize'),
      `more than ${nameOf('codebookSize')} = ${config.codebookSize}`,
      config.vocabSize,
    );
  }
  if (config.microCondDim % 2 !== 0) throw invalid(nameOf('microCondDim'), 'even', config.microCondDim);
  if (typeof config.isDownsampled !== 'boolean') throw invalid('isDownsampled', 'true or false', config.isDownsampled);
  if (config.isDownsampled && config.latentSize % 2 !== 0) {
    throw invalid(nameOf('latentSize'), 'even, as the grid is halved', config.latentSize);
  }
  if (typeof config.layerNormEpsilon !== 'number' || !(config.layerNormEpsilon > 0))
    throw invalid('layerNormEpsilon', 'a number above 0', config.layerNormEpsilon);
}
