import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { caption } from './captions.js';
import { fixedPrompts } from './fixedPrompts.js';
import { heldOutPrompts } from './heldOutPrompts.js';
import { isHeldOut, type Scene, sampleScene, sceneKinds } from './scene.js';
import { backgrounds, relations, styles } from './vocabulary.js';

describe('heldOutPrompts', () => {
  test.each(sceneKinds)('gives 500 different held-out prompts of kind %s', (kind) => {
    const prompts = heldOutPrompts(kind, 500);
    expect(new Set(prompts.map(({ prompt }) => prompt)).size).toBe(500);
    for (const { prompt, scene } of prompts) {
      expect(prompt).toBe(caption(scene));
      expect([scene.kind, isHeldOut(scene)]).toEqual([kind, true]);
    }
  });

  test('are never captions of training scenes', () => {
    const asked = new Set(sceneKinds.flatMap((kind) => heldOutPrompts(kind, 500).map(({ prompt }) => prompt)));
    const trained = Array.from({ length: 20_000 }, (_, seed) => caption(sampleScene({ seed })));
    expect(trained.filter((text) => asked.has(text))).toEqual([]);
  });

  test('depend on the seed, which also seeds the images', () => {
    const prompts = heldOutPrompts('single', 5, 17);
    expect(prompts).toEqual(heldOutPrompts('single', 9, 17).slice(0, 5));
    expect(prompts.map(({ seed }) => seed)).toEqual([17, 18, 19, 20, 21]);
    expect(prompts.map(({ prompt }) => prompt)).not.toEqual(
      heldOutPrompts('single', 5, 18).map(({ prompt }) => prompt),
    );
  });

  test('cover all that can be asked', () => {
    const scenes = sceneKinds.flatMap((kind) => heldOutPrompts(kind, 200).map(({ scene }) => scene));
    expect(new Set(scenes.map(({ style }) => style)).size).toBe(styles.length);
    expect(new Set(scenes.map(({ background }) => background)).size).toBe(backgrounds.length);
    const seen = (value: (scene: Scene) => unknown) => new Set(scenes.map(value).filter((x) => x !== undefined)).size;
    expect(seen((scene) => (scene.kind === 'pair' ? scene.relation : undefined))).toBe(relations.length);
    expect(seen((scene) => (scene.kind === 'count' ? scene.count : undefined))).toBe(3);
  });

  test('refuses a count that is none, or more than there are', () => {
    expect(() => heldOutPrompts('single', -1)).toThrow(
      '[emoji-scenes] heldOutPrompts: expected count to be an integer',
    );
    expect(() => heldOutPrompts('count', 2000)).toThrow(
      /expected at most 1\d\d\d held-out prompts of kind count, got count 2000/,
    );
    expect(() => heldOutPrompts('triple' as 'pair', 1)).toThrow('expected kind single, count, pair, got triple');
  });
});

describe('fixedPrompts', () => {
  test('are 64 different ones, as in prompts.txt', () => {
    expect(new Set(fixedPrompts).size).toBe(64);
    const file = readFileSync(new URL('../prompts.txt', import.meta.url), 'utf8');
    expect(file).toBe(`${fixedPrompts.join('\n')}\n`);
  });

  test('cover styles, backgrounds, counts, relations', () => {
    const text = fixedPrompts.join('\n');
    for (const word of [...styles, ...backgrounds, ...relations, 'two', 'three', 'four', 'big', 'small', 'corner']) {
      expect(text).toContain(word);
    }
  });
});
