import {
  type Background,
  backgrounds,
  type EmojiName,
  type EmojiStyle,
  names,
  type Scene,
  type SceneKind,
  sceneKinds,
  styles,
} from '@muse/emoji-scenes';
import { type Count, counts, type HeadName, headNames, headSizes, layouts, type PairLayout } from './heads.js';
import type { SceneLogits } from './sceneClassifier.js';

/**
 * What a picture shows, in the one form that is a function of the picture: "a dog left of a cat" and "a cat right of a
 * dog" are the same picture, whose reading is { nameA: dog, nameB: cat, layout: horizontal }.
 */
export interface SceneReading {
  readonly kind: SceneKind;
  /** Of a pair the left or upper one. */
  readonly nameA: EmojiName;
  /** Of a pair the right or lower one. */
  readonly nameB?: EmojiName;
  readonly style: EmojiStyle;
  readonly background: Background;
  /** Of a single or a count. */
  readonly count?: Count;
  /** Of a pair. */
  readonly layout?: PairLayout;
}

/** The reading of a picture of the scene. */
export function readingOf(scene: Scene): SceneReading {
  const { kind, style, background, items } = scene;
  const [first, second] = items.map(({ name }) => name) as [EmojiName, EmojiName?];
  const shared = { kind, style, background };
  switch (kind) {
    case 'single':
      return { ...shared, nameA: first, count: 1 };
    case 'count':
      return { ...shared, nameA: first, count: scene.count };
    case 'pair': {
      const { relation } = scene;
      const isInOrder = relation === 'left' || relation === 'above';
      const layout = relation === 'left' || relation === 'right' ? 'horizontal' : 'vertical';
      return { ...shared, nameA: isInOrder ? first : second!, nameB: isInOrder ? second! : first, layout };
    }
    default:
      throw scene satisfies never;
  }
}

/** Label of a head that a picture does not answer. */
export const IGNORED = -1;

/** Class indices of each head, i32 [B]; -1 where the head does not apply: `nameB` of a single, `count` of a pair. */
export type SceneLabels = Readonly<Record<HeadName, Int32Array>>;

/** @returns the labels of each scene's reading */
export function sceneLabels(scenes: readonly Scene[]): SceneLabels {
  const readings = scenes.map(readingOf);
  const labels = headNames.map(
    (head) => [head, Int32Array.from(readings, (reading) => labelOf(reading, head))] as const,
  );
  return Object.fromEntries(labels) as Record<HeadName, Int32Array>;
}

const classes: Readonly<Record<HeadName, readonly unknown[]>> = {
  kind: sceneKinds,
  nameA: names,
  nameB: names,
  style: styles,
  background: backgrounds,
  count: counts,
  layout: layouts,
};

function labelOf(reading: SceneReading, head: HeadName): number {
  const value = reading[head];
  return value === undefined ? IGNORED : classes[head].indexOf(value);
}

/**
 * The most likely class of each head; of `nameB`, `count` and `layout` only where the kind has them.
 *
 * @param logits of B pictures, left to the caller
 * @returns B readings
 */
export async function readLogits(logits: SceneLogits): Promise<SceneReading[]> {
  const best = Object.fromEntries(
    await Promise.all(headNames.map(async (head) => [head, await bestClasses(logits, head)] as const)),
  ) as Record<HeadName, number[]>;
  return best.kind.map((kindIndex, i) => {
    const kind = sceneKinds[kindIndex]!;
    const shared = {
      kind,
      nameA: names[best.nameA[i]!]!,
      style: styles[best.style[i]!]!,
      background: backgrounds[best.background[i]!]!,
    };
    if (kind !== 'pair') return { ...shared, count: counts[best.count[i]!]! };
    return { ...shared, nameB: names[best.nameB[i]!]!, layout: layouts[best.layout[i]!]! };
  });
}

async function bestClasses(logits: SceneLogits, head: HeadName): Promise<number[]> {
  const values = await logits[head].data();
  const size = headSizes[head];
  return Array.from({ length: values.length / size }, (_, row) => {
    let best = 0;
    for (let i = 1; i < size; i++) if (values[row * size + i]! > values[row * size + best]!) best = i;
    return best;
  });
}
