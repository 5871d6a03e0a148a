import { describe, expect, test } from 'vitest';
import {
  countScene,
  isHeldOut,
  makeSingle,
  pairScene,
  SCENE_SIZE,
  type Scene,
  type SceneKind,
  sampleScene,
  sceneKinds,
} from './scene.js';
import { isHeldOutPair, isHeldOutTriple } from './splits.js';

const NUM_DRAWS = 20_000;
const sample = (count: number, options: Omit<Parameters<typeof sampleScene>[0], 'seed'> = {}) =>
  Array.from({ length: count }, (_, seed) => sampleScene({ seed, ...options }));

/** Written apart from `isHeldOut`, which sampleScene itself asks. */
const holdsHeldOut = ({ kind, items, background }: Scene) => {
  const triples = items.map(({ name, style }) => isHeldOutTriple(name, style, background));
  return triples.includes(true) || (kind === 'pair' && isHeldOutPair(items[0]!.name, items[1]!.name));
};

describe('the split', () => {
  test(`keeps every held-out triple and pair out of ${NUM_DRAWS} training scenes`, () => {
    expect(sample(NUM_DRAWS).filter(holdsHeldOut)).toEqual([]);
  });

  test('holds one in every held-out scene, of each kind', () => {
    for (const kind of sceneKinds) {
      const scenes = sample(500, { split: 'heldOut', kinds: { [kind]: 1 } });
      expect(scenes.filter((scene) => !holdsHeldOut(scene) || scene.kind !== kind)).toEqual([]);
    }
  });

  test('counts a pair of names in the order of the sentence', () => {
    // A pair that is held out one way round only, in a style and on a background that hold out neither.
    const asked = (first: 'smiling face' | 'lemon', second: typeof first, relation: 'left' | 'right') =>
      isHeldOut(pairScene(first, second, '3D style', 'white', relation));
    expect([asked('smiling face', 'lemon', 'left'), asked('lemon', 'smiling face', 'right')]).toEqual([true, false]);
    expect([asked('smiling face', 'lemon', 'right'), asked('lemon', 'smiling face', 'left')]).toEqual([true, false]);
  });
});

describe('sampleScene', () => {
  test('gives the same scene for the same seed, and others for others', () => {
    expect(sample(500)).toEqual(sample(500));
    expect(new Set(sample(500).map((scene) => JSON.stringify(scene))).size).toBeGreaterThan(450);
  });

  test('takes seeds of more than 32 bits', () => {
    const far = 2 ** 40;
    expect(sampleScene({ seed: far })).not.toEqual(sampleScene({ seed: 0 }));
    expect(sampleScene({ seed: far })).toEqual(sampleScene({ seed: far }));
  });

  test('gives each kind its share', () => {
    const kinds: Record<SceneKind, number> = { single: 1, count: 2, pair: 5 };
    const drawn = sample(4000, { kinds }).map(({ kind }) => kind);
    for (const kind of sceneKinds) {
      // Six standard deviations of a binomial of p ≤ 5/8 are 0.046; held-out scenes are thrown away unevenly.
      expect(Math.abs(drawn.filter((k) => k === kind).length / 4000 - kinds[kind] / 8)).toBeLessThan(0.07);
    }
  });

  test('draws only the kinds that have a share', () => {
    expect(new Set(sample(300, { kinds: { count: 0.1 } }).map(({ kind }) => kind))).toEqual(new Set(['count']));
  });

  test.each([{}, { single: 0 }, { single: 1, pair: -1 }, { single: Number.NaN }])('refuses shares %j', (kinds) => {
    expect(() => sampleScene({ seed: 1, kinds })).toThrow('[emoji-scenes] sampleScene: expected shares of kinds ≥ 0');
  });

  test('puts every sprite on the 8-pixel grid inside the picture, at one of three sizes, no two on each other', () => {
    for (const { items } of sample(2000)) {
      for (const { x, y, size } of items) {
        expect([32, 48, 64]).toContain(size);
        expect([x % 8, y % 8]).toEqual([0, 0]);
        for (const at of [x, y]) expect(at >= 0 && at + size <= SCENE_SIZE).toBe(true);
      }
      items.forEach((a, i) => {
        for (const b of items.slice(i + 1)) {
          expect(Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y))).toBeGreaterThanOrEqual(32);
        }
      });
    }
  });

  test('moves sprites by at most the jitter, and changes nothing else', () => {
    const plain = sample(1000);
    const moved = sample(1000, { jitter: 3 });
    const offsets = new Set<number>();
    moved.forEach((scene, i) => {
      const from = plain[i]!;
      const places = ({ items }: Scene) => items.map((item) => ({ ...item, x: 0, y: 0 }));
      expect({ ...scene, items: places(scene) }).toEqual({ ...from, items: places(from) });
      scene.items.forEach(({ x, y, size }, j) => {
        for (const offset of [x - from.items[j]!.x, y - from.items[j]!.y]) offsets.add(offset);
        for (const at of [x, y]) expect(at >= 0 && at + size <= SCENE_SIZE).toBe(true);
      });
    });
    expect([...offsets].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
  });
});

describe('scenes made by hand', () => {
  test('a single stands in the middle', () => {
    const places = (['normal', 'big', 'small'] as const).map(
      (size) => makeSingle('cat', '3D style', 'red', size).items,
    );
    expect(places.map(([item]) => [item!.x, item!.y, item!.size])).toEqual([
      [8, 8, 48],
      [0, 0, 64],
      [16, 16, 32],
    ]);
  });

  test.each([2, 3, 4] as const)('%i of a name are as many sprites', (count) => {
    const { items } = countScene('bee', 'flat style', 'blue', count);
    expect(items.map(({ name }) => name)).toEqual(Array(count).fill('bee'));
  });

  test.each([
    ['left', -1, 0],
    ['right', 1, 0],
    ['above', 0, -1],
    ['below', 0, 1],
  ] as const)('the first of a pair stands %s of the second', (relation, dx, dy) => {
    const [first, second] = pairScene('cat', 'dog', 'flat style', 'white', relation).items;
    expect([first!.name, second!.name]).toEqual(['cat', 'dog']);
    expect([Math.sign(first!.x - second!.x), Math.sign(first!.y - second!.y)]).toEqual([dx, dy]);
  });
});
