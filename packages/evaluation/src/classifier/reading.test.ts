import { type Backend, createBackend } from '@muse/backend';
import {
  backgrounds,
  countScene,
  makeSingle,
  names,
  pairScene,
  type Relation,
  sampleScene,
  styles,
} from '@muse/emoji-scenes';
import type { Tensor2D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HeadName, headNames, headSizes } from './heads.js';
import { readingOf, readLogits, sceneLabels } from './reading.js';

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
});
afterAll(() => backend.dispose());

const pair = (first: 'cat' | 'dog', second: 'cat' | 'dog', relation: Relation) =>
  pairScene(first, second, 'Noto style', 'gray', relation);

describe('a reading', () => {
  test('of a single and of a count says how many', () => {
    const shared = { style: 'flat style', background: 'blue' };
    expect(readingOf(makeSingle('owl', 'flat style', 'blue', 'big'))).toEqual({
      ...shared,
      kind: 'single',
      nameA: 'owl',
      count: 1,
    });
    expect(readingOf(countScene('owl', 'flat style', 'blue', 3))).toEqual({
      ...shared,
      kind: 'count',
      nameA: 'owl',
      count: 3,
    });
  });

  test('of a pair goes from left to right and from top to bottom', () => {
    const shared = { kind: 'pair', style: 'Noto style', background: 'gray' };
    const horizontal = { ...shared, nameA: 'dog', nameB: 'cat', layout: 'horizontal' };
    const vertical = { ...shared, nameA: 'dog', nameB: 'cat', layout: 'vertical' };
    expect(readingOf(pair('dog', 'cat', 'left'))).toEqual(horizontal);
    expect(readingOf(pair('cat', 'dog', 'right'))).toEqual(horizontal);
    expect(readingOf(pair('dog', 'cat', 'above'))).toEqual(vertical);
    expect(readingOf(pair('cat', 'dog', 'below'))).toEqual(vertical);
  });

  test('is the same for two scenes exactly when their sprites stand alike', () => {
    const sprites = (scene: ReturnType<typeof pair>) =>
      scene.items
        .map((item) => JSON.stringify(item))
        .sort()
        .join();
    const scenes = (['left', 'right', 'above', 'below'] as const).flatMap((relation) => [
      pair('dog', 'cat', relation),
      pair('cat', 'dog', relation),
    ]);
    for (const a of scenes) {
      for (const b of scenes) {
        expect(JSON.stringify(readingOf(a)) === JSON.stringify(readingOf(b))).toBe(sprites(a) === sprites(b));
      }
    }
  });
});

describe('labels', () => {
  test('are class indices, and -1 where a head does not apply', () => {
    const scenes = [
      makeSingle('dog', '3D style', 'white'),
      countScene('cat', 'flat style', 'pink', 4),
      pair('cat', 'dog', 'below'),
    ];
    const [cat, dog] = [names.indexOf('cat'), names.indexOf('dog')];
    expect(sceneLabels(scenes)).toEqual({
      kind: Int32Array.of(0, 1, 2),
      nameA: Int32Array.of(dog, cat, dog),
      nameB: Int32Array.of(-1, -1, cat),
      style: Int32Array.of(0, 1, 2),
      background: Int32Array.of(0, 9, 2),
      count: Int32Array.of(0, 3, -1),
      layout: Int32Array.of(-1, -1, 1),
    });
  });

  test('are in the range of their heads', () => {
    const labels = sceneLabels(Array.from({ length: 3000 }, (_, seed) => sampleScene({ seed })));
    for (const head of headNames) {
      expect(Math.min(...labels[head]), head).toBeGreaterThanOrEqual(-1);
      expect(Math.max(...labels[head]), head).toBe(headSizes[head] - 1);
    }
    expect([styles.length, backgrounds.length]).toEqual([3, 10]);
  });
});

test('logits are read as the class of the highest', async () => {
  const scenes = Array.from({ length: 50 }, (_, seed) => sampleScene({ seed }));
  const labels = sceneLabels(scenes);
  const { tf } = backend;
  const logits = Object.fromEntries(
    headNames.map((head) => {
      const size = headSizes[head];
      const values = Float32Array.from({ length: scenes.length * size }, (_, i) => {
        const label = labels[head][Math.floor(i / size)];
        return i % size === label ? -1 : -3 + Math.sin(i);
      });
      return [head, tf.tensor2d(values, [scenes.length, size])];
    }),
  ) as Record<HeadName, Tensor2D>;
  expect(await readLogits(logits)).toEqual(scenes.map(readingOf));
  tf.dispose(logits);
});
