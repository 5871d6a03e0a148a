import { expect, test } from 'vitest';
import { isHeldOutPair, isHeldOutTriple } from './splits.js';
import { backgrounds, names, styles } from './vocabulary.js';

const triples = names.flatMap((name) =>
  styles.flatMap((style) => backgrounds.map((background) => [name, style, background] as const)),
);
const pairs = names.flatMap((first) => names.map((second) => [first, second] as const));

test('the split never changes: models of different days are measured on the same scenes', () => {
  // Counted and read off when the data set was made; another list of names would be another data set.
  expect(triples.length).toBe(3930);
  expect(triples.filter((triple) => isHeldOutTriple(...triple)).length).toBe(433);
  expect(pairs.filter((pair) => isHeldOutPair(...pair)).length).toBe(1693);
  expect(triples.filter((triple) => isHeldOutTriple(...triple)).slice(0, 3)).toEqual([
    ['smiling face', 'flat style', 'white'],
    ['smiling face', 'flat style', 'black'],
    ['smiling face', 'Noto style', 'blue'],
  ]);
});

test('every name, style and background is also seen in training, most of the time', () => {
  for (const name of names) {
    const heldOut = triples.filter((triple) => triple[0] === name && isHeldOutTriple(...triple)).length;
    expect(heldOut, name).toBeLessThanOrEqual(10); // of 30
  }
  for (const background of backgrounds) {
    const share = triples.filter((triple) => triple[2] === background && isHeldOutTriple(...triple)).length / 393;
    expect(Math.abs(share - 0.1), background).toBeLessThan(0.05);
  }
});
