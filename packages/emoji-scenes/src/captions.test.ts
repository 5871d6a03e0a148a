import { describe, expect, test } from 'vitest';
import { augmentedCaption, caption } from './captions.js';
import { countScene, makeSingle, pairScene, type SingleScene, sampleScene } from './scene.js';
import { sceneVocabulary } from './sceneVocabulary.js';
import { type Background, type EmojiName, relations } from './vocabulary.js';

const NUM_CAPTIONS = 10_000;
const scenes = Array.from({ length: NUM_CAPTIONS }, (_, seed) => sampleScene({ seed }));
const captions = scenes.map((scene, seed) => augmentedCaption(scene, seed));
const wordsOf = (text: string) => text.toLowerCase().split(/[\s,]+/);
const vocabulary = new Set(sceneVocabulary);

describe('the plain caption', () => {
  const single = (name: EmojiName, size: SingleScene['size'] = 'normal', background: Background = 'white') =>
    caption(makeSingle(name, '3D style', background, size));

  test('names subject, style and background', () => {
    expect(single('smiling cat')).toBe('a smiling cat, 3D style, on a white background');
    expect(single('rocket', 'normal', 'orange')).toBe('a rocket, 3D style, on an orange background');
  });

  test('has the article that the next word asks for', () => {
    expect(single('owl')).toMatch(/^an owl,/);
    expect(single('umbrella')).toMatch(/^an umbrella,/);
    expect(single('unicorn')).toMatch(/^a unicorn,/);
    expect(single('owl', 'big')).toMatch(/^a big owl,/);
    expect(single('sun')).toMatch(/^the sun,/);
    expect(single('earth', 'small')).toMatch(/^the small earth,/);
    expect(single('grapes')).toMatch(/^grapes,/);
    expect(single('bread', 'big')).toMatch(/^big bread,/);
  });

  test.each([
    ['cat', 2, 'two cats'],
    ['mouse', 3, 'three mice'],
    ['cherry', 4, 'four cherries'],
    ['fish', 2, 'two fish'],
    ['bus', 3, 'three buses'],
    ['grapes', 4, 'four grapes'],
    ['ice cream', 2, 'two ice creams'],
    ['crying face', 3, 'three crying faces'],
  ] as const)('of %s × %i says "%s"', (name, count, text) => {
    expect(caption(countScene(name, 'flat style', 'blue', count))).toBe(`${text}, flat style, on a blue background`);
  });

  test('says where the first of a pair stands', () => {
    const texts = relations.map((relation) => caption(pairScene('dog', 'apple', 'Noto style', 'pink', relation)));
    const end = 'an apple, Noto style, on a pink background';
    const said = ['a dog to the left of', 'a dog to the right of', 'a dog above', 'a dog below'];
    expect(texts).toEqual(said.map((start) => `${start} ${end}`));
  });

  test('says which corner', () => {
    const corner: SingleScene = { ...makeSingle('bee', 'flat style', 'red', 'small'), corner: 'top left' };
    expect(caption(corner)).toBe('a bee in the top left corner, flat style, on a red background');
  });
});

describe('an augmented caption', () => {
  test('is a function of scene and seed', () => {
    expect(captions).toEqual(scenes.map((scene, seed) => augmentedCaption(scene, seed)));
  });

  test('says one scene in many ways, the plain one among them', () => {
    const scene = makeSingle('dog', '3D style', 'blue', 'small');
    const ways = new Set(Array.from({ length: 500 }, (_, seed) => augmentedCaption(scene, seed)));
    expect(ways).toContain(caption(scene));
    expect(ways).toContain('a tiny dog in 3D style on blue');
    expect(ways.size).toBeGreaterThan(50);
  });

  test('always names what is to be drawn, whatever else it leaves out', () => {
    scenes.forEach((scene, i) => {
      const text = captions[i]!.toLowerCase();
      for (const { name } of scene.items) {
        const stem = name.slice(0, 3); // plurals change the end: mice is the one that changes more
        expect(text.includes(stem) || (name === 'mouse' && text.includes('mice')), `${text}: ${name}`).toBe(true);
      }
    });
  });

  test('holds known words only, but for an invented one in a hundred', () => {
    const unknown = captions.map((text) => wordsOf(text).filter((word) => !vocabulary.has(word)));
    expect(unknown.filter((words) => words.length > 1)).toEqual([]);
    const invented = unknown.flat();
    for (const word of invented) expect(word).toMatch(/^[a-z]{4,7}$/);
    expect(invented.length).toBeGreaterThan(NUM_CAPTIONS / 500);
    expect(invented.length).toBeLessThan(NUM_CAPTIONS / 25);
  });

  test('never says another background or style than the scene has', () => {
    scenes.forEach(({ background, style }, i) => {
      const text = captions[i]!;
      const said = /\bon (?:an? )?([a-z]+)(?: background)?|([a-z]+) background/.exec(text.replace(/on (the|top)/g, ''));
      if (said) expect(said[1] ?? said[2]).toBe(background);
      const saidStyle = /(3D|flat|Noto) style/i.exec(text);
      if (saidStyle) expect(saidStyle[0]!.toLowerCase()).toBe(style.toLowerCase());
    });
  });

  test('leaves a white background unsaid more often than another', () => {
    const share = (isWhite: boolean) => {
      const some = captions.filter((_, i) => (scenes[i]!.background === 'white') === isWhite);
      return (
        some.filter((text) => !/\bon (a |an )?[a-z]+( background)?|background/.test(text.replace(/on (the|top)/g, '')))
          .length / some.length
      );
    };
    expect(share(true)).toBeGreaterThan(0.6);
    expect(share(false)).toBeLessThan(0.06);
  });
});

test('the vocabulary is sorted, lower case, without repeats', () => {
  expect(sceneVocabulary).toEqual([...new Set(sceneVocabulary.map((word) => word.toLowerCase()))].sort());
});
