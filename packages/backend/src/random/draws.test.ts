import { expect, it } from 'vitest';
import { ConfigError } from '../errors.js';
import { gumbel, normal, permutation, randomUint32, uniform } from './draws.js';
import { streamsOf, streamWords } from './streamWords.js';

/** The first block of stream (seed 0, stage 0, step 0) is Random123's answer for counter 0 and key 0. */
const FIRST_WORDS = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
const origin = { seed: 0, stage: 0 };

it('draws the words of the published vector first', () => {
  expect([...randomUint32(origin, 4)]).toEqual(FIRST_WORDS);
});

it('maps words to the middle of 2³² equal cells, never 0 or 1', () => {
  expect([...uniform(origin, 4)]).toEqual(FIRST_WORDS.map((word) => (word + 0.5) / 2 ** 32));
});

// Computed with Python's math module from the same four words.
it('draws normal numbers by Box and Muller', () => {
  const expected = [0.9911376799303855, -0.9246625876655352, -0.6176089594591907, -0.48206858748717946];
  for (const [i, value] of normal(origin, 4).entries()) expect(value).toBeCloseTo(expected[i]!, 14);
  expect([...normal(origin, 3)]).toEqual([...normal(origin, 4)].slice(0, 3));
});

it('draws Gumbel numbers as −log(−log u)', () => {
  const expected = [0.08482025111138775, 2.061661254644034, 1.181182895287568, 0.6896917866196346];
  for (const [i, value] of gumbel(origin, 4).entries()) expect(value).toBeCloseTo(expected[i]!, 14);
});

it('is a function of the position alone: a piece equals its place in the whole', () => {
  const stream = { seed: 2 ** 40 + 3, stage: 5, step: 7 };
  const whole = [...randomUint32(stream, 41)];
  for (const offset of [0, 1, 2, 3, 4, 17]) {
    expect([...randomUint32(stream, 13, offset)]).toEqual(whole.slice(offset, offset + 13));
  }
});

it('gives different numbers when seed, stage or step differ, high bits of the seed too', () => {
  const streams = [
    { seed: 1, stage: 0, step: 0 },
    { seed: 2 ** 32 + 1, stage: 0, step: 0 },
    { seed: 1, stage: 1, step: 0 },
    { seed: 1, stage: 0, step: 1 },
  ];
  expect(new Set(streams.map((stream) => randomUint32(stream, 4).join())).size).toBe(streams.length);
});

it('has the moments of its distributions', () => {
  const count = 200_000;
  const moments = (values: Float64Array) => {
    const mean = values.reduce((sum, x) => sum + x, 0) / count;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count;
    const skewness = values.reduce((sum, x) => sum + (x - mean) ** 3, 0) / count / variance ** 1.5;
    return { mean, variance, skewness };
  };
  // The tolerances are about four standard errors.
  const flat = moments(uniform({ seed: 11, stage: 1 }, count));
  expect(Math.abs(flat.mean - 0.5)).toBeLessThan(0.0026);
  expect(Math.abs(flat.variance - 1 / 12)).toBeLessThan(0.0007);
  const bell = moments(normal({ seed: 11, stage: 2 }, count));
  expect(Math.abs(bell.mean)).toBeLessThan(0.009);
  expect(Math.abs(bell.variance - 1)).toBeLessThan(0.013);
  expect(Math.abs(bell.skewness)).toBeLessThan(0.022);
  const extreme = moments(gumbel({ seed: 11, stage: 3 }, count));
  const EULER = 0.5772156649;
  expect(Math.abs(extreme.mean - EULER)).toBeLessThan(0.0115);
  expect(Math.abs(extreme.variance - Math.PI ** 2 / 6)).toBeLessThan(0.031);
});

it('permutes: each number once, each order of three equally often', () => {
  const order = permutation({ seed: 3, stage: 4 }, 101);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, i) => i));
  expect([...permutation({ seed: 3, stage: 4 }, 101)]).toEqual([...order]);
  expect([...permutation({ seed: 3, stage: 4 }, 0)]).toEqual([]);

  const counts = new Map<string, number>();
  const numDraws = 6000;
  for (let step = 0; step < numDraws; step++) {
    const key = permutation({ seed: 3, stage: 4, step }, 3).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  const expected = numDraws / 6;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(20.5); // 5 degrees of freedom: passed by 99.9 % of fair generators
});

it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
  expect(() => randomUint32({ seed, stage: 0 }, 1)).toThrow(ConfigError);
});

it('gives streams to devices as words, and takes them back', () => {
  const streams = [
    { seed: 2 ** 53 - 1, stage: 0xffffffff, step: 0xfffffffe },
    { seed: 2 ** 32, stage: 3, step: 0 },
    { seed: 2 ** 31, stage: 0x5a010000, step: 7 },
  ];
  const words = streamWords(streams);
  expect([...words.subarray(0, 8)]).toEqual([-1, 0x1fffff, -1, -2, 0, 1, 3, 0]);
  expect(streamsOf(words)).toEqual(streams);
  expect(() => streamWords([{ seed: 2 ** 53, stage: 0 }])).toThrow(ConfigError);
});
