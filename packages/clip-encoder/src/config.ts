import { ConfigError } from '@muse/backend';
import { isObject } from '@muse/checkpoint';

/** Activations of published models: `quick_gelu` is x·σ(1.702·x) (OpenAI's), `gelu` the exact one (OpenCLIP's). */
export const clipActivations = ['quick_gelu', 'gelu'] as const;
export type ClipActivation = (typeof clipActivations)[number];

/** What text and image tower have in common: a stack of transformer layers. */
export interface ClipStackConfig {
  /** D. */
  readonly hiddenSize: number;
  readonly numLayers: number;
  /** Divides hiddenSize. */
  readonly numHeads: number;
  /** F. */
  readonly mlpDim: number;
  readonly activation: ClipActivation;
  readonly layerNormEpsilon: number;
  /** Width P of the space that texts and images share. */
  readonly projectionDim: number;
}

export interface ClipTextConfig extends ClipStackConfig {
  readonly vocabSize: number;
  /** Tokens of a text at most, T. */
  readonly maxLength: number;
  /** Token whose state stands for the text; 2 means “the highest id”, as in the files before 2023. */
  readonly eosTokenId: number;
}

export interface ClipImageConfig extends ClipStackConfig {
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /** Side of a patch; divides imageSize. */
  readonly patchSize: number;
}

/** transformers' field and its default, by our field. */
type Upstream = Readonly<Record<string, readonly [name: string, byDefault: number]>>;

const stack = { layerNormEpsilon: ['layer_norm_eps', 1e-5] } as const satisfies Upstream;

const textFields = {
  ...stack,
  vocabSize: ['vocab_size', 49408],
  hiddenSize: ['hidden_size', 512],
  mlpDim: ['intermediate_size', 2048],
  projectionDim: ['projection_dim', 512],
  numLayers: ['num_hidden_layers', 12],
  numHeads: ['num_attention_heads', 8],
  maxLength: ['max_position_embeddings', 77],
  eosTokenId: ['eos_token_id', 49407],
} as const satisfies Upstream;

const imageFields = {
  ...stack,
  hiddenSize: ['hidden_size', 768],
  mlpDim: ['intermediate_size', 3072],
  projectionDim: ['projection_dim', 512],
  numLayers: ['num_hidden_layers', 12],
  numHeads: ['num_attention_heads', 12],
  imageSize: ['image_size', 224],
  patchSize: ['patch_size', 32],
} as const satisfies Upstream;

/**
 * The text tower's configuration from transformers' parsed config.json, of a CLIPTextModel(WithProjection) or of a whole
 * CLIPModel. What is left out has transformers' default.
 *
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveClipTextConfig(json: unknown): ClipTextConfig {
  const config = resolve<ClipTextConfig>('resolveClipTextConfig', json, textFields, 'clip_text_model', 'text_config');
  return config;
}

/** The image tower's: of a CLIPVisionModelWithProjection or of a whole CLIPModel. @throws ConfigError */
export function resolveClipImageConfig(json: unknown): ClipImageConfig {
  const where = 'resolveClipImageConfig';
  const config = resolve<ClipImageConfig>(where, json, imageFields, 'clip_vision_model', 'vision_config');
  if (config.imageSize % config.patchSize !== 0) {
    throw invalid(where, 'image_size', `a multiple of patch_size = ${config.patchSize}`, config.imageSize);
  }
  return config;
}

/** No model has as many: more is a broken file, whose tensors would fill the memory before one is missed. */
const MAX_LAYERS = 1000;

function resolve<Config extends ClipStackConfig>(
  where: string,
  json: unknown,
  upstream: Upstream,
  modelType: string,
  section: string,
): Config {
  if (!isObject(json)) throw invalid(where, 'config', 'an object', json);
  let fields = json;
  if (json.model_type === 'clip') {
    const part = json[section];
    if (!isObject(part)) throw invalid(where, section, 'an object', part);
    // The shared width stands at the top.
    fields = { ...part, projection_dim: json.projection_dim ?? part.projection_dim };
  } else if (json.model_type !== modelType) {
    throw invalid(where, 'model_type', `"${modelType}" or "clip"`, json.model_type);
  }
  const config: Record<string, unknown> = { activation: fields.hidden_act ?? 'quick_gelu' };
  for (const [field, [name, byDefault]] of Object.entries(upstream)) {
    const value = fields[name] ?? byDefault;
    const most = field === 'numLayers' ? MAX_LAYERS : Number.MAX_SAFE_INTEGER;
    const isValid =
      typeof value === 'number' &&
      (field === 'layerNormEpsilon' ? value > 0 : Number.isSafeInteger(value) && value >= 1 && value <= most);
    if (!isValid)
      throw invalid(where, name, field === 'layerNormEpsilon' ? 'above 0' : 'a whole number of at least 1', value);
    config[field] = value;
  }
  const resolved = config as unknown as Config;
  if (!clipActivations.includes(resolved.activation)) {
    throw invalid(where, 'hidden_act', `one of ${clipActivations.join(', ')}`, resolved.activation);
  }
  if (resolved.hiddenSize % resolved.numHeads !== 0) {
    throw invalid(
      where,
      'hidden_size',
      `a multiple of num_attention_heads = ${resolved.numHeads}`,
      resolved.hiddenSize,
    );
  }
  return resolved;
}

function invalid(where: string, field: string, expected: string, got: unknown): ConfigError {
  const shown = JSON.stringify(got) ?? String(got);
  return new ConfigError({ package: 'clip-encoder', in: where }, `expected ${field} to be ${expected}, got ${shown}`);
}
