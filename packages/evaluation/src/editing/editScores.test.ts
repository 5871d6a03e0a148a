import { expect, test } from 'vitest';
import type { SceneReading } from '../classifier/reading.js';
import type { EditTask } from './editRequests.js';
import { type EditAnswer, editScores, formatEditScores } from './editScores.js';

const cat: SceneReading = { kind: 'single', nameA: 'cat', style: '3D style', background: 'red', count: 1 };
const dog: SceneReading = { ...cat, nameA: 'dog' };
const { count: _, ...shown } = cat;
const catAndCar: SceneReading = { ...shown, kind: 'pair', nameB: 'car', layout: 'horizontal' };
const catAndDog: SceneReading = { ...catAndCar, nameB: 'dog' };

const answer = (
  task: EditTask,
  [before, expected, got]: readonly [SceneReading, SceneReading, SceneReading],
  changed?: number,
): EditAnswer => ({
  ...{ task, index: 0, oldPrompt: '', prompt: '', seed: 0, before, expected, got },
  ...(changed !== undefined && { outside: { pixels: 10, changed } }),
});

test('of an object: what is asked for, what is as before, and what is kept', () => {
  const { inpaintObject } = editScores([
    answer('inpaintObject', [cat, dog, dog], 0),
    answer('inpaintObject', [cat, dog, { ...dog, style: 'flat style' }], 0),
    answer('inpaintObject', [cat, dog, cat], 3),
    answer('inpaintObject', [cat, dog, { ...dog, nameA: 'car', count: 2, kind: 'count' }], 0),
  ]);
  expect(inpaintObject).toMatchObject({
    asked: 'object',
    changed: { right: 2, n: 4 },
    asBefore: { right: 1 },
    kept: { arrangement: { right: 3 }, style: { right: 3 }, background: { right: 4 } },
    all: { right: 1 },
    outsideIdentical: { right: 3, n: 4 },
  });
  expect(Object.keys(inpaintObject!.kept)).toEqual(['arrangement', 'style', 'background']);
});

test('of one of a pair: an object counts in its place only', () => {
  const { inpaintOneOfPair } = editScores([
    answer('inpaintOneOfPair', [catAndCar, catAndDog, catAndDog]),
    answer('inpaintOneOfPair', [catAndCar, catAndDog, { ...catAndDog, nameA: 'dog', nameB: 'cat' }]),
    answer('inpaintOneOfPair', [catAndCar, catAndDog, { ...catAndDog, layout: 'vertical' }]),
    answer('inpaintOneOfPair', [catAndCar, catAndDog, { ...catAndDog, nameA: 'car' }]),
    answer('inpaintOneOfPair', [catAndCar, catAndDog, cat]),
  ]);
  expect(inpaintOneOfPair).toMatchObject({
    changed: { right: 2, n: 5 },
    asBefore: { right: 0 },
    kept: { other: { right: 1 }, arrangement: { right: 3 } },
    all: { right: 1 },
  });
  expect(inpaintOneOfPair).not.toHaveProperty('outsideIdentical');
});

test('of a style and a background: the object is among what is kept', () => {
  const flat: SceneReading = { ...cat, style: 'flat style' };
  const blue: SceneReading = { ...cat, background: 'blue' };
  const scores = editScores([
    answer('editStyle', [cat, flat, { ...flat, nameA: 'dog' }]),
    answer('editBackground', [cat, blue, { ...blue, background: 'pink' }]),
  ]);
  expect(Object.keys(scores)).toEqual(['editStyle', 'editBackground']);
  expect(scores.editStyle).toMatchObject({ asked: 'style', changed: { right: 1 }, kept: { object: { right: 0 } } });
  expect(scores.editBackground).toMatchObject({
    asked: 'background',
    changed: { right: 0 },
    asBefore: { right: 0 },
    kept: { object: { right: 1 }, style: { right: 1 } },
  });
});

test('makes a table of Markdown', () => {
  const table = formatEditScores(
    editScores([answer('inpaintObject', [cat, dog, dog], 0), answer('editObject', [cat, dog, cat])]),
  ).split('\n');
  // Wilson's interval of 1 of 1 is [1 / (1 + z²), 1].
  expect(table.slice(2)).toEqual([
    '| inpaintObject | object | 100.0 % (20.7–100.0) | 0.0 % | arrangement 100.0 %, style 100.0 %, background 100.0 % | 100.0 % | 1 of 1 | 1 |',
    '| editObject | object | 0.0 % (0.0–79.3) | 100.0 % | arrangement 100.0 %, style 100.0 %, background 100.0 % | 0.0 % | – | 1 |',
  ]);
  expect(table[1]).toBe(`|${' --- |'.repeat(8)}`);
});
