import type { Backend } from '@muse/backend';
import { type FolderSource, openModelFolder } from '@muse/checkpoint';
import { loadMaskedTransformer, type SuperResTransformerConfig } from '@muse/masked-transformer';
import { loadT5Encoder } from '@muse/t5-encoder';
import { loadVQGAN, type VQGAN } from '@muse/vqgan';
import type { Dataset } from './data/dataset.js';
import { encodeDataset } from './data/tokenPool.js';
import type { CascadeCard } from './exportModelFolder.js';
import { type SuperResSettings, trainerPresets } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import type { LoopCallbacks, TrainingResult } from './run/runTraining.js';
import { trainAndExport } from './run/trainAndExport.js';
import { checkImagePair, resolveSuperResConfig } from './superResConfigs.js';
import { SuperResTask } from './superResTask.js';

/** The same images, with the same captions, at both sizes of the cascade. */
export interface ImagePair {
  /** At the fine tokenizer's image size; the captions are its. */
  readonly fine: Dataset;
  /** At the base model's image size. */
  readonly coarse: Dataset;
}

export interface SuperResTrainingOptions extends LoopCallbacks {
  readonly backend: Backend;
  readonly run: RunFolder;
  readonly images: ImagePair;
  /** Never trained on: loss and accuracy on them are measured at each preview. */
  readonly heldOutImages?: ImagePair;
  /** A model folder of the base alone: its text encoder and its tokenizer are frozen; all of it is exported beside. */
  readonly baseModel: FolderSource;
  /** The frozen tokenizer of the fine images, left as it is. */
  readonly vqgan: VQGAN;
  /** A preset's name or fields; sizes of grids, codes and text follow from the other parts. Default `emoji`. */
  readonly config?: 'tiny' | 'emoji' | Partial<SuperResTransformerConfig>;
  /** Settings that differ from `trainerPresets.emoji.superRes`. */
  readonly settings?: Partial<SuperResSettings>;
  /** Drawn by the whole cascade at each preview. Default none. */
  readonly previewPrompts?: readonly string[];
  /** For model_index.json; the base model's where it says nothing. */
  readonly card?: Partial<CascadeCard>;
  /** One batch for ever, as a check of a set-up; masks still change. */
  readonly overfitOneBatch?: boolean;
  /** While the images are encoded, before the first step: first those of one size, then those of the other. */
  readonly onEncoding?: (done: number, total: number) => void;
}

/**
 * Trains the super-resolution transformer on masked fine tokens, given the coarse tokens of the same image and its text
 * (Chang et al. 2023, arXiv 2301.00704, section 2.4: after the base, on everything else frozen). Goes on from the newest
 * checkpoint of the run folder; when it is done, `model/` holds the whole cascade at F16 with the mean weights.
 *
 * @throws ConfigError for settings out of their range, or parts that don't fit together; WeightError for a base model
 * that can't be read; MuseError if a loss is not finite
 */
export async function trainSuperRes(options: SuperResTrainingOptions): Promise<TrainingResult> {
  const { backend, run, images, heldOutImages, vqgan, onEncoding, signal } = options;
  const settings: SuperResSettings = { ...trainerPresets.emoji.superRes, ...options.settings };
  const folder = await openModelFolder(options.baseModel);
  const loaded: { dispose(): void }[] = [];
  const keep = <T extends { dispose(): void }>(part: T): T => {
    loaded.push(part);
    return part;
  };
  try {
    const coarseVqgan = keep(await loadVQGAN(backend, await folder.component('vqgan')));
    checkImagePair('images', images, vqgan, coarseVqgan);
    if (heldOutImages) checkImagePair('heldOutImages', heldOutImages, vqgan, coarseVqgan);
    const textEncoder = keep(await loadT5Encoder(backend, await folder.component('text_encoder')));
    const transformer = keep(await loadMaskedTransformer(backend, await folder.component('transformer')));
    const config = resolveSuperResConfig(options.config, { vqgan, coarseVqgan, textEncoder });
    const shared = { backend, run, onProgress: onEncoding, signal };
    const encode = async ({ fine, coarse }: ImagePair, suffix: string) => ({
      dataset: fine,
      coarseTokens: await encodeDataset({
        ...shared,
        vqgan: coarseVqgan,
        dataset: coarse,
        name: `coarse-tokens${suffix}`,
      }),
      tokens: await encodeDataset({ ...shared, vqgan, dataset: fine, name: `tokens${suffix}` }),
    });
    const trained = await encode(images, '');
    const heldOut = heldOutImages && (await encode(heldOutImages, '-held-out'));
    const parts = { folder, textEncoder, coarseVqgan, transformer, config };
    const task = new SuperResTask(options, settings, parts, trained, heldOut);
    return await trainAndExport(task, run, settings, options);
  } finally {
    for (const part of loaded) part.dispose();
  }
}
