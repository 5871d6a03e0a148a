import type { Atlas } from '@muse/emoji-scenes';
import { resolveVQGANConfig } from '@muse/vqgan';
import type { Dataset } from '../data/dataset.js';
import { sceneDataset } from '../data/sceneDataset.js';
import { trainerPresets } from '../presets.js';
import type { TrainingResult } from '../run/runTraining.js';
import { type TokenizerTrainingOptions, trainTokenizer as trainTokenizerIn } from '../trainTokenizer.js';
import { nodeRunFolder } from './nodeRunFolder.js';

/** A folder on disk instead of a `RunFolder`. */
export interface RunDirectory {
  readonly runDir: string;
}

/** Emoji scenes instead of a dataset: give one of the two. */
export type ImagesOrAtlas =
  | { readonly dataset: Dataset; readonly atlas?: undefined }
  | { readonly atlas: Atlas; readonly dataset?: undefined };

/** Scenes that a run draws from: far more than it sees, of those that there are. */
const SCENES = 200_000;
const PREVIEW_SCENES = 64;

export type NodeTokenizerOptions = Omit<TokenizerTrainingOptions, 'run' | 'dataset'> & RunDirectory & ImagesOrAtlas;

/** `trainTokenizer` of `@muse/trainer` in a folder on disk, on emoji scenes if an atlas is given. */
export async function trainTokenizer({ runDir, atlas, dataset, ...options }: NodeTokenizerOptions): Promise<TrainingResult> {
  const run = await nodeRunFolder(runDir);
  if (dataset) return trainTokenizerIn({ ...options, run, dataset });
  const { seed, jitter } = { ...trainerPresets.emoji.tokenizer, ...options.settings };
  const { imageSize } = resolveVQGANConfig(options.config ?? 'emoji');
  const shared = { atlas, imageSize };
  return trainTokenizerIn({
    previewDataset: sceneDataset({ ...shared, size: PREVIEW_SCENES, seed, split: 'heldOut' }),
    ...options,
    run,
    dataset: sceneDataset({ ...shared, size: SCENES, seed, jitter }),
  });
}
