import { type Atlas, augmentedCaption, renderScene, type Scene, type SceneKind, sampleScene } from '@muse/emoji-scenes';
import { itemSeeds, stages } from '../randomStages.js';
import type { Dataset } from './dataset.js';

export interface SceneDatasetOptions {
  readonly atlas: Atlas;
  /** Number of scenes; each is made when it is asked for. */
  readonly size: number;
  readonly seed: number;
  /** Side in pixels. Default 64. */
  readonly imageSize?: number;
  /** Default `train`. */
  readonly split?: 'train' | 'heldOut';
  readonly kinds?: Readonly<Partial<Record<SceneKind, number>>>;
  /** Pixels by which sprites may move off the token grid. Default 0. */
  readonly jitter?: number;
}

export interface SceneDataset extends Dataset {
  scene(index: number): Scene;
}

/** Emoji scenes: scene i is a function of (seed, i), its caption one of the ways to say it. */
export function sceneDataset(options: SceneDatasetOptions): SceneDataset {
  const { atlas, size, seed, imageSize = 64, split = 'train', kinds, jitter = 0 } = options;
  const scene = (index: number) => {
    const sceneSeed = itemSeeds(seed, stages.sceneSeeds, 0, 1, index)[0]!;
    return sampleScene({ seed: sceneSeed, split, jitter, ...(kinds ? { kinds } : {}) });
  };
  return {
    id: `emoji-scenes ${JSON.stringify({ seed, imageSize, split, kinds, jitter, size })}`,
    size,
    imageSize,
    scene,
    image: async (index) => renderScene(atlas, scene(index), imageSize),
    caption: (index, captionSeed) => augmentedCaption(scene(index), captionSeed),
  };
}
