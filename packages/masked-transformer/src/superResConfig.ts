import {
  type FieldRules,
  invalidField,
  resolveFields,
  type TrainingFields,
  trainingDefaults,
  type WithTrainingDefaults,
} from './configFields.js';

/** Sizes of the super-resolution transformer (Muse, arXiv 2301.00704, section 2.4 and its table of hyperparameters). */
export interface SuperResTransformerConfig extends TrainingFields {
  /** Side of the fine token grid; S = latentSize². */
  readonly latentSize: number;
  /** Codes of the fine tokenizer, V. Token id V is the mask. */
  readonly codebookSize: number;
  /** Side of the coarse token grid. */
  readonly coarseLatentSize: number;
  /** Codes of the coarse tokenizer. */
  readonly coarseCodebookSize: number;
  /** Width D. */
  readonly hiddenSize: number;
  /** Layers over the fine grid. */
  readonly numLayers: number;
  /** Layers of self-attention over the coarse grid. */
  readonly coarseNumLayers: number;
  /** Heads N, even: half of them attend within blocks, half across. */
  readonly numHeads: number;
  /** Inner width F of the MLP. */
  readonly mlpDim: number;
  /** Width of the text embeddings. */
  readonly textDim: number;
  /** Side of a block in tokens; divides latentSize. */
  readonly blockSize: number;
}

/**
 * Named configurations.
 *
 * `3B-cascade` goes with the paper's 3B base: 32 layers of width 1024 with MLP 4096 over 64 × 64 tokens, 16 layers over the
 * 16 × 16 of the base (the paper's table; its figure shows 8), text of T5-XXL. Heads and blocks are not stated: 16 heads of
 * 64, blocks of 8 × 8. `268M` is a size that the paper names without its configuration: 12 layers and 3 are the nearest in
 * round numbers, 270M. `emoji` is the bundled model's, `tiny` is for tests.
 */
export const superResTransformerPresets = {
  tiny: {
    ...trainingDefaults,
    latentSize: 16,
    codebookSize: 17,
    coarseLatentSize: 8,
    coarseCodebookSize: 13,
    hiddenSize: 22,
    numLayers: 2,
    coarseNumLayers: 1,
    numHeads: 2,
    mlpDim: 29,
    textDim: 44,
    blockSize: 8,
  },
  emoji: {
    ...trainingDefaults,
    latentSize: 16,
    codebookSize: 1024,
    coarseLatentSize: 8,
    coarseCodebookSize: 1024,
    hiddenSize: 256,
    numLayers: 4,
    coarseNumLayers: 1,
    numHeads: 4,
    mlpDim: 1024,
    textDim: 256,
    blockSize: 4,
  },
  '268M': {
    ...trainingDefaults,
    latentSize: 64,
    codebookSize: 8192,
    coarseLatentSize: 16,
    coarseCodebookSize: 8192,
    hiddenSize: 1024,
    numLayers: 12,
    coarseNumLayers: 3,
    numHeads: 16,
    mlpDim: 4096,
    textDim: 4096,
    blockSize: 8,
  },
  '3B-cascade': {
    ...trainingDefaults,
    latentSize: 64,
    codebookSize: 8192,
    coarseLatentSize: 16,
    coarseCodebookSize: 8192,
    hiddenSize: 1024,
    numLayers: 32,
    coarseNumLayers: 16,
    numHeads: 16,
    mlpDim: 4096,
    textDim: 4096,
    blockSize: 8,
  },
} as const satisfies Record<string, SuperResTransformerConfig>;

export type SuperResTransformerPresetName = keyof typeof superResTransformerPresets;

/** What must be given; the two training fields have defaults. */
export type SuperResTransformerOptions = WithTrainingDefaults<SuperResTransformerConfig>;

const rules: FieldRules<SuperResTransformerConfig> = {
  in: 'resolveSuperResTransformerConfig',
  presets: superResTransformerPresets,
  sizes: [
    'latentSize',
    'codebookSize',
    'coarseLatentSize',
    'coarseCodebookSize',
    'hiddenSize',
    'numLayers',
    'coarseNumLayers',
    'numHeads',
    'mlpDim',
    'textDim',
    'blockSize',
  ],
};

/**
 * A checked configuration.
 *
 * @param source a preset's name, an options object, or a parsed `config.json`
 * @param overrides fields that replace those of `source`
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveSuperResTransformerConfig(
  source: SuperResTransformerPresetName | SuperResTransformerOptions | unknown,
  overrides: Partial<SuperResTransformerConfig> = {},
): SuperResTransformerConfig {
  const config = resolveFields(rules, source, overrides);
  const { latentSize, blockSize, numHeads } = config;
  const invalid = invalidField(rules.in);
  if (numHeads % 2 !== 0) throw invalid('numHeads', 'even (half of the heads per axis)', numHeads);
  if (latentSize % blockSize !== 0) throw invalid('latentSize', `a multiple of blockSize = ${blockSize}`, latentSize);
  return config;
}
