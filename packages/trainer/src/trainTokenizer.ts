import type { Backend } from '@muse/backend';
import type { FeatureNetwork, PatchDiscriminatorConfig, VQGANOptions, VQGANPresetName } from '@muse/vqgan';
import type { Dataset } from './data/dataset.js';
import { type TokenizerSettings, trainerPresets } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import type { LoopCallbacks, TrainingResult } from './run/runTraining.js';
import { trainAndExport } from './run/trainAndExport.js';
import { TokenizerTask } from './tokenizerTask.js';

export interface TokenizerTrainingOptions extends LoopCallbacks {
  readonly backend: Backend;
  readonly run: RunFolder;
  readonly dataset: Dataset;
  /** For the pictures and their PSNR; default the training images. */
  readonly previewDataset?: Dataset;
  /** Default `emoji`. */
  readonly config?: VQGANPresetName | VQGANOptions;
  /** Default `emoji`. */
  readonly discriminatorConfig?: PatchDiscriminatorConfig;
  /** Settings that differ from `trainerPresets.emoji.tokenizer`. */
  readonly settings?: Partial<TokenizerSettings>;
  /** A frozen network for the perceptual term, left as it is; without one there is no such term. */
  readonly perceptual?: FeatureNetwork;
  /** One batch for ever, as a check of a set-up. */
  readonly overfitOneBatch?: boolean;
}

/**
 * Trains a VQGAN: pixel, perceptual, adversarial and commitment losses, an EMA codebook with revival of dead codes
 * (Chang et al. 2023, arXiv 2301.00704, section 2.2; Esser et al. 2021, arXiv 2012.09841). Goes on from the newest
 * checkpoint of the run folder; when it is done, `model/vqgan/` holds the mean weights at F16.
 *
 * @throws ConfigError for settings out of their range; MuseError if a loss is not finite
 */
export async function trainTokenizer(options: TokenizerTrainingOptions): Promise<TrainingResult> {
  const settings: TokenizerSettings = { ...trainerPresets.emoji.tokenizer, ...options.settings };
  return trainAndExport(new TokenizerTask(options, settings), options.run, settings, options);
}
