import type { VQGANLossOptions } from '@muse/vqgan';

/** Settings of a training run that are no part of the model. */
export interface RunSettings {
  readonly numSteps: number;
  /** Images of one micro-batch. */
  readonly batchSize: number;
  /** Micro-batches per optimizer step; their gradients are averaged. */
  readonly accumulationSteps: number;
  /** Of all random numbers of the run: weights, data, masks. */
  readonly seed: number;
  readonly learningRate: number;
  /** At the end of the cosine. */
  readonly finalLearningRate: number;
  readonly warmupSteps: number;
  readonly optimizer: 'adam' | 'adamW' | 'adafactor';
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
  readonly maxGradientNorm: number | null;
  /** Decay of the running mean of the weights, which is what is exported; null keeps none. */
  readonly emaDecay: number | null;
  readonly checkpointEvery: number;
  readonly keepEvery: number;
  readonly previewEvery: number;
}

export interface TokenizerSettings extends RunSettings {
  readonly loss: Partial<VQGANLossOptions>;
  /**
   * Steps in which the encoder's outputs reach the decoder as they are; then the codes are chosen among them. With codes
   * from the first step on, most are never used: the outputs hardly differ yet.
   */
  readonly quantizerStartStep: number;
  /** Decay of the codebook's running means. */
  readonly codebookDecay: number;
  /** Pixels by which sprites are moved off the token grid (emoji scenes only). */
  readonly jitter: number;
}

export interface BaseSettings extends RunSettings {
  /** Scenes that are rendered and encoded once, before the first step; each step draws from them with fresh captions. */
  readonly poolSize: number;
  /** Export the paper's mean of the checkpoints that were kept (0.7), not the running mean. Default null. */
  readonly offlineEmaDecay: number | null;
}

/** Of the super-resolution model: the same. */
export type SuperResSettings = BaseSettings;

export type ClassifierSettings = RunSettings;

/** The base and the super-resolution model are trained alike. */
const emojiMaskedTokens = {
  numSteps: 20_000,
  batchSize: 64,
  accumulationSteps: 1,
  seed: 0,
  learningRate: 1e-3,
  finalLearningRate: 2e-5,
  warmupSteps: 500,
  optimizer: 'adamW',
  betas: [0.9, 0.96],
  weightDecay: 0.045,
  maxGradientNorm: 1,
  emaDecay: 0.999,
  checkpointEvery: 250,
  keepEvery: 0,
  previewEvery: 1_000,
  poolSize: 40_000,
  offlineEmaDecay: null,
} as const satisfies BaseSettings;

/** The paper's values where a machine of two cores can follow them; the model card of the bundled model gives what it used. */
export const trainerPresets = {
  emoji: {
    tokenizer: {
      numSteps: 12_000,
      batchSize: 16,
      accumulationSteps: 1,
      seed: 0,
      learningRate: 4e-4,
      finalLearningRate: 2e-5,
      warmupSteps: 200,
      optimizer: 'adam',
      betas: [0.9, 0.99],
      weightDecay: 0,
      maxGradientNorm: 1,
      emaDecay: 0.999,
      checkpointEvery: 250,
      keepEvery: 0,
      previewEvery: 500,
      loss: { discriminatorStartStep: 6_000, adversarialWeight: 0.02 },
      quantizerStartStep: 300,
      codebookDecay: 0.99,
      jitter: 0,
    },
    base: emojiMaskedTokens,
    superRes: { ...emojiMaskedTokens, batchSize: 32 },
    classifier: {
      numSteps: 3_000,
      batchSize: 64,
      accumulationSteps: 1,
      seed: 0,
      learningRate: 1e-3,
      finalLearningRate: 1e-5,
      warmupSteps: 100,
      optimizer: 'adam',
      betas: [0.9, 0.999],
      weightDecay: 0,
      maxGradientNorm: 1,
      emaDecay: 0.99,
      checkpointEvery: 250,
      keepEvery: 0,
      previewEvery: 0,
    },
  },
} as const satisfies Record<
  string,
  { tokenizer: TokenizerSettings; base: BaseSettings; superRes: SuperResSettings; classifier: ClassifierSettings }
>;
