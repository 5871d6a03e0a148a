import type { Backend } from '@muse/backend';
import type { MaskedTransformerConfig } from '@muse/masked-transformer';
import type { T5Config } from '@muse/t5-encoder';
import type { VQGAN } from '@muse/vqgan';
import { BaseTask } from './baseTask.js';
import type { Dataset } from './data/dataset.js';
import { encodeDataset } from './data/tokenPool.js';
import type { ModelCard } from './exportModelFolder.js';
import { type BaseSettings, trainerPresets } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import type { LoopCallbacks, TrainingResult } from './run/runTraining.js';
import { trainAndExport } from './run/trainAndExport.js';

export interface BaseTrainingOptions extends LoopCallbacks {
  readonly backend: Backend;
  readonly run: RunFolder;
  readonly dataset: Dataset;
  /** Never trained on: loss and accuracy on it are measured at each preview. */
  readonly heldOutDataset?: Dataset;
  /** The frozen tokenizer, left as it is. */
  readonly vqgan: VQGAN;
  /** Words of the captions, each a token; others are spelled. */
  readonly words: readonly string[];
  /** A preset's name or fields; `codebookSize`, `latentSize` and `textDim` follow from the other parts. Default `emoji`. */
  readonly config?: 'tiny' | 'emoji' | Partial<MaskedTransformerConfig>;
  /** Likewise; `vocabSize` follows from `words`. Default `emoji`. */
  readonly textConfig?: 'tiny' | 'emoji' | Partial<T5Config>;
  /** Settings that differ from `trainerPresets.emoji.base`. */
  readonly settings?: Partial<BaseSettings>;
  /** Drawn at each preview. Default none. */
  readonly previewPrompts?: readonly string[];
  /** For model_index.json. */
  readonly card?: Partial<ModelCard>;
  /** One batch for ever, as a check of a set-up; masks still change. */
  readonly overfitOneBatch?: boolean;
  /** While the images are encoded, before the first step. */
  readonly onEncoding?: (done: number, total: number) => void;
}

/**
 * Trains the base transformer with its text encoder on masked tokens (Chang et al. 2023, arXiv 2301.00704, sections 2.1,
 * 2.3 and 2.6; the paper's text encoder is a frozen T5-XXL, this one is small and learns along). Goes on from the newest
 * checkpoint of the run folder; when it is done, `model/` holds the whole model at F16 with the mean weights.
 *
 * @throws ConfigError for settings out of their range; MuseError if a loss is not finite
 */
export async function trainBase(options: BaseTrainingOptions): Promise<TrainingResult> {
  const { backend, run, vqgan, dataset, heldOutDataset, onEncoding, signal } = options;
  const settings: BaseSettings = { ...trainerPresets.emoji.base, ...options.settings };
  const shared = { backend, vqgan, run, onProgress: onEncoding, signal };
  const encode = async (of: Dataset, name: string) => ({
    dataset: of,
    tokens: await encodeDataset({ ...shared, dataset: of, name }),
  });
  const images = await encode(dataset, 'tokens');
  const heldOut = heldOutDataset && (await encode(heldOutDataset, 'tokens-held-out'));
  return trainAndExport(new BaseTask(options, settings, images, heldOut), run, settings, options);
}
