import { countScene, makeSingle, pairScene } from '@muse/emoji-scenes';
import { expect, test } from 'vitest';
import { readingOf } from './reading.js';
import { withMissing } from './withMissing.js';

const uniforms = [0, 0.3, 0.5, 0.7, 0.99];
const draws = uniforms.flatMap((a) => uniforms.flatMap((b) => uniforms.map((c) => [a, b, c] as const)));

test('leaves one to all but one of the sprites of a count where they were, and says how many', () => {
  for (const count of [2, 3, 4] as const) {
    const scene = countScene('cat', 'flat style', 'blue', count);
    const kept = new Set<string>();
    for (const u of draws) {
      const some = withMissing(scene, u);
      for (const item of some.items) expect(scene.items).toContain(item);
      const isOne = some.items.length === 1;
      expect(readingOf(some)).toMatchObject({
        kind: isOne ? 'single' : 'count',
        count: some.items.length,
        nameA: 'cat',
      });
      kept.add(some.items.map((item) => scene.items.indexOf(item)).join());
    }
    // Every subset of 1 … count − 1
    expect(kept.size).toBe(2 ** count - 2);
  }
});

test('leaves either one of a pair, as a single', () => {
  const scene = pairScene('cat', 'dog', 'flat style', 'blue', 'above');
  const readings = draws.map((u) => readingOf(withMissing(scene, u)));
  for (const { kind, count } of readings) expect([kind, count]).toEqual(['single', 1]);
  expect(new Set(readings.map(({ nameA }) => nameA))).toEqual(new Set(['cat', 'dog']));
});

test('leaves a single as it is', () => {
  const scene = makeSingle('cat', 'flat style', 'blue');
  expect(withMissing(scene, [0, 0, 0])).toBe(scene);
});
