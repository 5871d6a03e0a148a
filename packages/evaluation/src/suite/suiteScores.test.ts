import { expect, test } from 'vitest';
import type { SceneReading } from '../classifier/reading.js';
import { formatScores, suiteScores } from './suiteScores.js';

const single: SceneReading = { kind: 'single', nameA: 'cat', style: '3D style', background: 'red', count: 1 };
const three: SceneReading = { ...single, kind: 'count', count: 3 };
const { count: _, ...seen } = single;
const pair: SceneReading = { ...seen, kind: 'pair', nameB: 'dog', layout: 'horizontal' };

const scoresOf = (expected: SceneReading, got: Partial<SceneReading>[]) =>
  suiteScores(got.map((part, seed) => ({ prompt: 'x', seed, expected, got: { ...expected, ...part } })));
const right = (scores: object) =>
  Object.fromEntries(Object.entries(scores).map(([name, { right }]: [string, { right: number }]) => [name, right]));

test('scores of singles count each thing by itself, and all of them', () => {
  const scores = scoresOf(single, [
    {},
    { nameA: 'dog' },
    { style: 'flat style' },
    { background: 'blue' },
    { kind: 'count' },
  ]);
  expect(right(scores.single)).toEqual({ name: 4, style: 4, background: 4, all: 1 });
  expect(scores.single.name.n).toBe(5);
  expect([scores.count.count.n, scores.pair.relation.n]).toEqual([0, 0]);
});

test('scores of counts ask for as many, of the right kind, and for the name', () => {
  // One cat that is read as a single scene has no count of its own to be right.
  const scores = scoresOf(three, [{}, { count: 2 }, { nameA: 'dog' }, { kind: 'single', count: 3 }]);
  expect(right(scores.count)).toEqual({ count: 2, name: 3, countAndName: 1, style: 4, background: 4 });
});

test('scores of pairs tell a wrong way round from a wrong layout and from a wrong name', () => {
  const scores = scoresOf(pair, [
    {},
    { nameA: 'dog', nameB: 'cat' },
    { layout: 'vertical' },
    { nameB: 'owl' },
    { kind: 'count' },
  ]);
  expect(right(scores.pair)).toEqual({ relation: 1, layout: 3, names: 3, style: 5, background: 5 });
});

test('the table has a line for each share of the kinds that were asked', () => {
  const lines = formatScores(scoresOf(pair, [{}, { layout: 'vertical' }])).split('\n');
  expect(lines).toHaveLength(5);
  // Wilson's interval of 1 of 2
  expect(lines[0]).toBe('pair    relation       50.0 %     9.5–90.5  1 of 2');
});
