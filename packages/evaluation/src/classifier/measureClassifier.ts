import { type Atlas, renderScene, type Scene, type SceneKind, sampleScene } from '@muse/emoji-scenes';
import { type Proportion, proportion } from '../proportion.js';
import { type HeadName, headNames } from './heads.js';
import { readingOf } from './reading.js';
import { readPictures } from './readPictures.js';
import type { SceneClassifier } from './sceneClassifier.js';

export interface MeasureClassifierOptions {
  readonly classifier: SceneClassifier;
  readonly atlas: Atlas;
  /** Default 2000. */
  readonly count?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default `heldOut`. */
  readonly split?: 'train' | 'heldOut';
  /** Default those of `sampleScene`. */
  readonly kinds?: Readonly<Partial<Record<SceneKind, number>>>;
  readonly signal?: AbortSignal;
}

const BATCH = 50;

/** Share of real renders that each head reads right, of those that it applies to; `all`: nothing read wrong at all. */
export async function measureClassifier(
  options: MeasureClassifierOptions,
): Promise<Record<HeadName | 'all', Proportion>> {
  const { classifier, atlas, count = 2000, seed = 0, split = 'heldOut', kinds, signal } = options;
  const { imageSize } = classifier.config;
  const right: Record<HeadName | 'all', boolean[]> = {
    ...(Object.fromEntries(headNames.map((head) => [head, []])) as unknown as Record<HeadName, boolean[]>),
    all: [],
  };
  for (let first = 0; first < count; first += BATCH) {
    signal?.throwIfAborted();
    const scenes = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) =>
      sampleScene({ seed: seed * 2 ** 32 + first + i, split, ...(kinds ? { kinds } : {}) }),
    );
    const readings = await readPictures(
      classifier,
      scenes.map((scene) => renderScene(atlas, scene, imageSize)),
    );
    scenes.forEach((scene: Scene, i) => {
      const [expected, got] = [readingOf(scene), readings[i]!];
      const heads = headNames.filter((head) => expected[head] !== undefined);
      for (const head of heads) right[head].push(expected[head] === got[head]);
      right.all.push(heads.every((head) => expected[head] === got[head]));
    });
  }
  const shares = Object.entries(right).map(([head, answers]) => [head, proportion(answers)] as const);
  return Object.fromEntries(shares) as Record<HeadName | 'all', Proportion>;
}
