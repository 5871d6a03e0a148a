import { ConfigError } from '@muse/backend';

/** Sizes of the base transformer (Muse, arXiv 2301.00704, section 2.3). */
export interface MaskedTransformerConfig {
  /** Side h = w of the token grid; S = latentSize². */
  readonly latentSize: number;
  /** Codes of the tokenizer, V. Token id V is the mask. */
  readonly codebookSize: number;
  /** Width D. */
  readonly hiddenSize: number;
  readonly numLayers: number;
  /** Heads N; the head dim K is hiddenSize / numHeads. */
  readonly numHeads: number;
  /** Inner width F of the MLP. */
  readonly mlpDim: number;
  /** Width of the text embeddings. */
  readonly textDim: number;
  /** Probability in [0, 1] with which training takes an image's text away (0.1 in the paper). */
  readonly condDropProb: number;
  /** Share in [0, 1) of the target spread over all codes; the paper does not say, MaskGIT has 0.1. */
  readonly labelSmoothing: number;
}

const training = { condDropProb: 0.1, labelSmoothing: 0.1 } as const;

/**
 * Named configurations.
 *
 * `3B` is the paper's: 48 layers, width 2048, MLP 8192, text of T5-XXL. It does not state the heads: 32 of 64 here.
 * `632M` is a size that the paper names without its configuration: 36 layers of width 1024 (the width of the paper's
 * super-resolution model) are the nearest in round numbers, 626M. `emoji` is for emoji scenes (the bundled model has 6 of
 * its 8 layers); `tiny` is for tests.
 */
export const maskedTransformerPresets = {
  tiny: {
    ...training,
    latentSize: 8,
    codebookSize: 13,
    hiddenSize: 21,
    numLayers: 2,
    numHeads: 3,
    mlpDim: 29,
    textDim: 44,
  },
  emoji: {
    ...training,
    latentSize: 8,
    codebookSize: 1024,
    hiddenSize: 256,
    numLayers: 8,
    numHeads: 4,
    mlpDim: 1024,
    textDim: 256,
  },
  '632M': {
    ...training,
    latentSize: 16,
    codebookSize: 8192,
    hiddenSize: 1024,
    numLayers: 36,
    numHeads: 16,
    mlpDim: 4096,
    textDim: 4096,
  },
  '3B': {
    ...training,
    latentSize: 16,
    codebookSize: 8192,
    hiddenSize: 2048,
    numLayers: 48,
    numHeads: 32,
    mlpDim: 8192,
    textDim: 4096,
  },
} as const satisfies Record<string, MaskedTransformerConfig>;

export type MaskedTransformerPresetName = keyof typeof maskedTransformerPresets;

/** What must be given; the two training fields have defaults. */
export type MaskedTransformerOptions = Omit<MaskedTransformerConfig, keyof typeof training> &
  Partial<Pick<MaskedTransformerConfig, keyof typeof training>>;

const sizeFields = [
  'latentSize',
  'codebookSize',
  'hiddenSize',
  'numLayers',
  'numHeads',
  'mlpDim',
  'textDim',
] as const satisfies readonly (keyof MaskedTransformerConfig)[];

/**
 * A checked configuration.
 *
 * @param source a preset's name, an options object, or a parsed `config.json`
 * @param overrides fields that replace those of `source`
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveMaskedTransformerConfig(
  source: MaskedTransformerPresetName | MaskedTransformerOptions | unknown,
  overrides: Partial<MaskedTransformerConfig> = {},
): MaskedTransformerConfig {
  const fields: Record<string, unknown> = { ...training, ...fieldsOf(source), ...overrides };
  const known = new Set<string>([...sizeFields, ...Object.keys(training)]);
  for (const name of Object.keys(fields)) {
    if (!known.has(name)) throw invalid(name, `one of the fields ${[...known].join(', ')}`, fields[name]);
  }
  for (const name of sizeFields) {
    const value = fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw invalid(name, 'a whole number of at least 1', value);
    }
  }
  const config = fields as unknown as MaskedTransformerConfig;
  const { hiddenSize, numHeads, condDropProb, labelSmoothing } = config;
  if (hiddenSize % numHeads !== 0) throw invalid('hiddenSize', `a multiple of numHeads = ${numHeads}`, hiddenSize);
  if (!(condDropProb >= 0 && condDropProb <= 1)) throw invalid('condDropProb', 'a number in [0, 1]', condDropProb);
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw invalid('labelSmoothing', 'a number in [0, 1)', labelSmoothing);
  return config;
}

function fieldsOf(source: unknown): object {
  if (typeof source === 'string') {
    if (!Object.hasOwn(maskedTransformerPresets, source)) {
      throw invalid('preset', `one of ${Object.keys(maskedTransformerPresets).join(', ')}`, source);
    }
    return maskedTransformerPresets[source as MaskedTransformerPresetName];
  }
  if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw invalid('config', "a preset's name or an object", source);
  }
  return source;
}

function invalid(field: string, expected: string, got: unknown): ConfigError {
  return new ConfigError(
    { package: 'masked-transformer', in: 'resolveMaskedTransformerConfig' },
    `expected ${field} to be ${expected}, got ${JSON.stringify(got) ?? String(got)}`,
  );
}
