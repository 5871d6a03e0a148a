import {
  type FieldRules,
  resolveFields,
  type TrainingFields,
  trainingDefaults,
  type WithTrainingDefaults,
} from './configFields.js';

/** Sizes of the base transformer (Muse, arXiv 2301.00704, section 2.3). */
export interface MaskedTransformerConfig extends TrainingFields {
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
}

/**
 * Named configurations.
 *
 * `3B` is the paper's: 48 layers, width 2048, MLP 8192, text of T5-XXL. It does not state the heads: 32 of 64 here.
 * `632M` is a size that the paper names without its configuration: 36 layers of width 1024 (the width of the paper's
 * super-resolution model) are the nearest in round numbers, 626M. `emoji` is the bundled model's; `tiny` is for
 * tests.
 */
export const maskedTransformerPresets = {
  tiny: {
    ...trainingDefaults,
    latentSize: 8,
    codebookSize: 13,
    hiddenSize: 21,
    numLayers: 2,
    numHeads: 3,
    mlpDim: 29,
    textDim: 44,
  },
  emoji: {
    ...trainingDefaults,
    latentSize: 8,
    codebookSize: 1024,
    hiddenSize: 256,
    numLayers: 6,
    numHeads: 4,
    mlpDim: 1024,
    textDim: 256,
  },
  '632M': {
    ...trainingDefaults,
    latentSize: 16,
    codebookSize: 8192,
    hiddenSize: 1024,
    numLayers: 36,
    numHeads: 16,
    mlpDim: 4096,
    textDim: 4096,
  },
  '3B': {
    ...trainingDefaults,
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
export type MaskedTransformerOptions = WithTrainingDefaults<MaskedTransformerConfig>;

const rules: FieldRules<MaskedTransformerConfig> = {
  in: 'resolveMaskedTransformerConfig',
  presets: maskedTransformerPresets,
  sizes: ['latentSize', 'codebookSize', 'hiddenSize', 'numLayers', 'numHeads', 'mlpDim', 'textDim'],
};

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
  return resolveFields(rules, source, overrides);
}
