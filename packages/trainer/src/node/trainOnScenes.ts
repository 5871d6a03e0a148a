import { openModelFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { type Atlas, fixedPrompts, sceneVocabulary } from '@muse/emoji-scenes';
import { loadVQGAN, resolveVQGANConfig } from '@muse/vqgan';
import type { Dataset } from '../data/dataset.js';
import { type SceneDatasetOptions, sceneDataset } from '../data/sceneDataset.js';
import { openComponent } from '../exportComponent.js';
import { trainerPresets } from '../presets.js';
import type { TrainingResult } from '../run/runTraining.js';
import { type BaseTrainingOptions, trainBase as trainBaseIn } from '../trainBase.js';
import { type ClassifierTrainingOptions, trainClassifier as trainClassifierIn } from '../trainClassifier.js';
import { type ImagePair, type SuperResTrainingOptions, trainSuperRes as trainSuperResIn } from '../trainSuperRes.js';
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
export async function trainTokenizer({
  runDir,
  atlas,
  dataset,
  ...options
}: NodeTokenizerOptions): Promise<TrainingResult> {
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

/** Held-out scenes that the loss is measured on. */
const HELD_OUT_SCENES = 256;

/** Drawn at each preview: half of them of scenes that are never trained on. */
const PREVIEW_PROMPTS = 16;

export type NodeBaseOptions = Omit<BaseTrainingOptions, 'run' | 'dataset' | 'vqgan' | 'words'> &
  RunDirectory &
  (
    | { readonly dataset: Dataset; readonly words: readonly string[]; readonly atlas?: undefined }
    | { readonly atlas: Atlas; readonly dataset?: undefined; readonly words?: undefined }
  ) & {
    /** A folder with `vqgan/`: `model` of the tokenizer's run folder, or a model folder. */
    readonly tokenizerDir: string;
  };

/** `trainBase` of `@muse/trainer` in a folder on disk, on emoji scenes if an atlas is given. */
export async function trainBase({
  runDir,
  tokenizerDir,
  atlas,
  dataset,
  words,
  ...options
}: NodeBaseOptions): Promise<TrainingResult> {
  const run = await nodeRunFolder(runDir);
  const vqgan = await loadVQGAN(options.backend, await openComponent(nodeFolder(tokenizerDir), 'vqgan'));
  try {
    if (dataset) return await trainBaseIn({ ...options, run, vqgan, dataset, words });
    const { seed, poolSize } = { ...trainerPresets.emoji.base, ...options.settings };
    const shared = { atlas, seed, imageSize: vqgan.config.imageSize };
    return await trainBaseIn({
      heldOutDataset: sceneDataset({ ...shared, size: HELD_OUT_SCENES, split: 'heldOut' }),
      previewPrompts: fixedPrompts.slice(0, PREVIEW_PROMPTS),
      ...options,
      run,
      vqgan,
      dataset: sceneDataset({ ...shared, size: poolSize }),
      words: sceneVocabulary,
    });
  } finally {
    vqgan.dispose();
  }
}

export type NodeSuperResOptions = Omit<SuperResTrainingOptions, 'run' | 'images' | 'baseModel' | 'vqgan'> &
  RunDirectory &
  (
    | { readonly images: ImagePair; readonly atlas?: undefined }
    | { readonly atlas: Atlas; readonly images?: undefined }
  ) & {
    /** A model folder of the base: `model` of its run folder. */
    readonly baseDir: string;
    /** A folder with the `vqgan/` of the fine images: `model` of its run folder. */
    readonly tokenizerDir: string;
  };

/** `trainSuperRes` of `@muse/trainer` in a folder on disk, on emoji scenes if an atlas is given. */
export async function trainSuperRes({
  runDir,
  baseDir,
  tokenizerDir,
  atlas,
  images,
  ...options
}: NodeSuperResOptions): Promise<TrainingResult> {
  const run = await nodeRunFolder(runDir);
  const baseModel = nodeFolder(baseDir);
  const vqgan = await loadVQGAN(options.backend, await openComponent(nodeFolder(tokenizerDir), 'vqgan'));
  try {
    if (images) return await trainSuperResIn({ ...options, run, baseModel, vqgan, images });
    const { index } = await openModelFolder(baseModel);
    const { seed, poolSize } = { ...trainerPresets.emoji.superRes, ...options.settings };
    const sizes = { fine: vqgan.config.imageSize, coarse: index.imageSize[0] };
    const pair = (scenes: Omit<SceneDatasetOptions, 'atlas' | 'seed' | 'imageSize'>): ImagePair => ({
      fine: sceneDataset({ atlas, seed, ...scenes, imageSize: sizes.fine }),
      coarse: sceneDataset({ atlas, seed, ...scenes, imageSize: sizes.coarse }),
    });
    return await trainSuperResIn({
      heldOutImages: pair({ size: HELD_OUT_SCENES, split: 'heldOut' }),
      previewPrompts: fixedPrompts.slice(0, PREVIEW_PROMPTS),
      ...options,
      run,
      baseModel,
      vqgan,
      images: pair({ size: poolSize }),
    });
  } finally {
    vqgan.dispose();
  }
}

/** More pairs than the scenes have by themselves: only they teach the second name. */
const classifierKinds = { single: 0.4, count: 0.2, pair: 0.4 } as const;
/** Sprites a little off their places, as generated ones may be. */
const CLASSIFIER_JITTER = 2;

export type NodeClassifierOptions = Omit<ClassifierTrainingOptions, 'run' | 'dataset'> &
  RunDirectory & { readonly atlas: Atlas };

/** `trainClassifier` of `@muse/trainer` in a folder on disk, on emoji scenes. */
export async function trainClassifier({ runDir, atlas, ...options }: NodeClassifierOptions): Promise<TrainingResult> {
  const { seed } = { ...trainerPresets.emoji.classifier, ...options.settings };
  const shared = { atlas, size: SCENES, seed, kinds: classifierKinds, jitter: CLASSIFIER_JITTER };
  const { imageSize = 64 } = options.config ?? {};
  return trainClassifierIn({
    ...options,
    run: await nodeRunFolder(runDir),
    dataset: sceneDataset({ ...shared, imageSize }),
  });
}
