import { ConfigError } from '@muse/backend';
import { isObject } from '@muse/checkpoint';

/** Elementwise functions of the feed-forward layer, by transformers' names (`gelu` is exact, `gelu_new` the tanh form). */
export const t5Activations = ['relu', 'gelu', 'gelu_new', 'silu'] as const;
export type T5Activation = (typeof t5Activations)[number];

/** Sizes of a T5 encoder: the fields of transformers' `T5Config` in camelCase, and the token length of `encode`. */
export interface T5Config {
  /** Rows of the token embedding; at least the tokenizer's size (published models round up: 32100 → 32128). */
  readonly vocabSize: number;
  /** Width D of the hidden states. */
  readonly dModel: number;
  /** Width of one head; `numHeads · dKv` need not be `dModel`. */
  readonly dKv: number;
  /** Inner width F of the feed-forward layer. */
  readonly dFf: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Rows of the relative position bias; half of them for keys to the right. */
  readonly relativeAttentionNumBuckets: number;
  /** Distances from here on share the last bucket. */
  readonly relativeAttentionMaxDistance: number;
  readonly layerNormEpsilon: number;
  readonly activation: T5Activation;
  /** v1.1's activation(wi_0 x) ⊙ wi_1 x instead of v1.0's activation(wi x). */
  readonly isGated: boolean;
  /** Tokens per text that `encode` pads or cuts to. */
  readonly maxLength: number;
}

const common = {
  relativeAttentionNumBuckets: 32,
  relativeAttentionMaxDistance: 128,
  layerNormEpsilon: 1e-6,
  activation: 'gelu_new',
  isGated: true,
  maxLength: 64,
} as const;

/** Published v1.1 vocabularies: 32,000 pieces, 100 sentinels, rounded up to a multiple of 128. */
const published = { ...common, vocabSize: 32128, dKv: 64 } as const;

/**
 * `small` to `xxl` are the encoders of T5 v1.1 (Muse uses `xxl`); `tiny` is for tests; `emoji` is the encoder of the bundled
 * model, whose `vocabSize` is its tokenizer's.
 */
export const t5Presets = {
  tiny: {
    ...common,
    vocabSize: 173,
    dModel: 44,
    dKv: 10,
    dFf: 71,
    numLayers: 3,
    numHeads: 5,
    maxLength: 13,
  },
  emoji: { ...common, dModel: 256, dKv: 64, dFf: 512, numLayers: 2, numHeads: 4, maxLength: 24 },
  small: { ...published, dModel: 512, dFf: 1024, numLayers: 8, numHeads: 6 },
  base: { ...published, dModel: 768, dFf: 2048, numLayers: 12, numHeads: 12 },
  large: { ...published, dModel: 1024, dFf: 2816, numLayers: 24, numHeads: 16 },
  xl: { ...published, dModel: 2048, dFf: 5120, numLayers: 24, numHeads: 32 },
  xxl: { ...published, dModel: 4096, dFf: 10240, numLayers: 24, numHeads: 64 },
} as const satisfies Record<string, Partial<T5Config>>;

export type T5PresetName = keyof typeof t5Presets;

/** transformers' fields; what a `config.json` leaves out takes transformers' default (T5 v1.0 small). */
const transformersDefaults: Record<string, number | string> = {
  vocab_size: 32128,
  d_model: 512,
  d_kv: 64,
  d_ff: 2048,
  num_layers: 6,
  num_heads: 8,
  relative_attention_num_buckets: 32,
  relative_attention_max_distance: 128,
  layer_norm_epsilon: 1e-6,
  feed_forward_proj: 'relu',
};

/**
 * A checked configuration.
 *
 * @param source a preset's name, an object in camelCase (all fields but those that every published model shares), or the
 * parsed `config.json` of transformers as published (snake_case, `feed_forward_proj`, other fields ignored; an added
 * `maxLength` is read)
 * @param overrides fields that replace those of `source`
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveT5Config(source: unknown, overrides: Partial<T5Config> = {}): T5Config {
  const fields = typeof source === 'string' ? presetNamed(source) : objectOf(source);
  const isTransformers = 'd_model' in fields || 'model_type' in fields;
  const merged = { ...common, ...(isTransformers ? fromTransformers(fields) : fields), ...overrides };
  return validate(merged);
}

/** The `config.json` that transformers reads, with `maxLength` added: the opposite of `resolveT5Config`. */
export function t5ConfigJson(config: T5Config): Record<string, unknown> {
  // transformers reads "gated-gelu" as gated gelu_new, so that is how it is written.
  const activation = config.isGated && config.activation === 'gelu_new' ? 'gelu' : config.activation;
  return {
    architectures: ['T5EncoderModel'],
    model_type: 't5',
    vocab_size: config.vocabSize,
    d_model: config.dModel,
    d_kv: config.dKv,
    d_ff: config.dFf,
    num_layers: config.numLayers,
    num_heads: config.numHeads,
    relative_attention_num_buckets: config.relativeAttentionNumBuckets,
    relative_attention_max_distance: config.relativeAttentionMaxDistance,
    layer_norm_epsilon: config.layerNormEpsilon,
    feed_forward_proj: config.isGated ? `gated-${activation}` : activation,
    dropout_rate: 0,
    pad_token_id: 0,
    eos_token_id: 1,
    maxLength: config.maxLength,
  };
}

function fromTransformers(json: Record<string, unknown>): Record<string, unknown> {
  const modelType = json.model_type ?? 't5';
  // umt5 has a position bias per layer: reading it as T5 would give wrong states without a word.
  if (modelType !== 't5' && modelType !== 'mt5') throw invalid('model_type', '"t5" or "mt5"', modelType);
  const read = (name: string) => json[name] ?? transformersDefaults[name];
  return {
    vocabSize: read('vocab_size'),
    dModel: read('d_model'),
    dKv: read('d_kv'),
    dFf: read('d_ff'),
    numLayers: read('num_layers'),
    numHeads: read('num_heads'),
    relativeAttentionNumBuckets: read('relative_attention_num_buckets'),
    relativeAttentionMaxDistance: read('relative_attention_max_distance'),
    layerNormEpsilon: read('layer_norm_epsilon'),
    ...feedForwardOf(read('feed_forward_proj')),
    ...('maxLength' in json ? { maxLength: json.maxLength } : {}),
  };
}

function feedForwardOf(projection: unknown): Pick<T5Config, 'activation' | 'isGated'> {
  const name = typeof projection === 'string' ? projection : '';
  const isGated = name.startsWith('gated-');
  const activation = isGated ? name.slice('gated-'.length) : name;
  // transformers: "gated-gelu" means gelu_new, for the sake of v1.1's published files.
  if (name === 'gated-gelu') return { activation: 'gelu_new', isGated };
  if (!t5Activations.includes(activation as T5Activation)) {
    const names = t5Activations.flatMap((known) => [known, `gated-${known}`]);
    throw invalid('feed_forward_proj', `one of ${names.join(', ')}`, projection);
  }
  return { activation: activation as T5Activation, isGated };
}

const sizeFields = [
  'vocabSize',
  'dModel',
  'dKv',
  'dFf',
  'numLayers',
  'numHeads',
  'relativeAttentionNumBuckets',
  'relativeAttentionMaxDistance',
  'maxLength',
] as const;

/** No model has as many: more is a broken file, whose tensors would fill the memory before one is missed. */
const MAX_LAYERS = 1000;

function validate(fields: Record<string, unknown>): T5Config {
  const known = new Set<string>([...sizeFields, 'layerNormEpsilon', 'activation', 'isGated']);
  for (const name of Object.keys(fields)) {
    if (!known.has(name)) throw invalid(name, `one of the fields ${[...known].join(', ')}`, fields[name]);
  }
  for (const name of sizeFields) {
    const value = fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw invalid(name, 'a whole number of at least 1', value);
  }
  if ((fields.numLayers as number) > MAX_LAYERS) throw invalid('numLayers', `at most ${MAX_LAYERS}`, fields.numLayers);
  const config = fields as unknown as T5Config;
  const { relativeAttentionNumBuckets: numBuckets, relativeAttentionMaxDistance: maxDistance } = config;
  if (numBuckets % 4 !== 0) throw invalid('relativeAttentionNumBuckets', 'a multiple of 4', numBuckets);
  if (maxDistance <= numBuckets / 4) {
    throw invalid(
      'relativeAttentionMaxDistance',
      `more than ${numBuckets / 4} (a quarter of the buckets)`,
      maxDistance,
    );
  }
  if (typeof config.layerNormEpsilon !== 'number' || !(config.layerNormEpsilon > 0)) {
    throw invalid('layerNormEpsilon', 'a number above 0', config.layerNormEpsilon);
  }
  if (!t5Activations.includes(config.activation)) {
    throw invalid('activation', `one of ${t5Activations.join(', ')}`, config.activation);
  }
  if (typeof config.isGated !== 'boolean') throw invalid('isGated', 'true or false', config.isGated);
  return config;
}

function presetNamed(name: string): Record<string, unknown> {
  if (!Object.hasOwn(t5Presets, name)) {
    throw invalid('preset', `one of ${Object.keys(t5Presets).join(', ')}`, name);
  }
  return { ...t5Presets[name as T5PresetName] };
}

function objectOf(source: unknown): Record<string, unknown> {
  if (!isObject(source)) throw invalid('config', 'an object or the name of a preset', source);
  return source;
}

function invalid(field: string, expected: string, got: unknown): ConfigError {
  return new ConfigError(
    { package: 't5-encoder', in: 'resolveT5Config' },
    `expected ${field} to be ${expected}, got ${JSON.stringify(got) ?? String(got)}`,
  );
}
