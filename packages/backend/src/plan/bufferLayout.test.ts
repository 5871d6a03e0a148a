import { expect, it } from 'vitest';
import { randomUint32 } from '../index.js';
import { type Lifetime, layOutBuffers } from './bufferLayout.js';

it('lets a chain of equal tensors take turns in two buffers', () => {
  const chain = Array.from({ length: 7 }, (_, i) => ({ sizeBytes: 12, first: i, last: i + 1 }));
  const { bufferOf, bufferSizes } = layOutBuffers(chain);
  expect(bufferSizes).toEqual([12, 12]);
  expect([...bufferOf]).toEqual([0, 1, 0, 1, 0, 1, 0]);
});

it('puts small tensors into the smallest buffer that is free, and opens none without need', () => {
  // By hand: 100 and 60 meet; 40 fits behind 60, the smaller of the two; 8 meets 40 and the 100 is free then.
  const { bufferOf, bufferSizes } = layOutBuffers([
    { sizeBytes: 100, first: 0, last: 2 },
    { sizeBytes: 60, first: 1, last: 2 },
    { sizeBytes: 40, first: 3, last: 5 },
    { sizeBytes: 8, first: 4, last: 5 },
  ]);
  expect(bufferSizes).toEqual([100, 60]);
  expect([...bufferOf]).toEqual([0, 1, 1, 0]);
});

it('never has two tensors in a buffer at once, nor one that does not fit', () => {
  const draws = randomUint32({ seed: 7, stage: 1 }, 3 * 211);
  const lifetimes: Lifetime[] = Array.from({ length: 211 }, (_, i) => {
    const first = draws[3 * i]! % 97;
    return { sizeBytes: 4 * (1 + (draws[3 * i + 1]! % 31)), first, last: first + (draws[3 * i + 2]! % 5) };
  });
  const { bufferOf, bufferSizes } = layOutBuffers(lifetimes);
  const clashes = lifetimes.flatMap((a, i) => {
    const doesFit = a.sizeBytes <= bufferSizes[bufferOf[i]!]!;
    const isAlone = lifetimes.every(
      (b, j) => i === j || bufferOf[i] !== bufferOf[j] || a.last < b.first || b.last < a.first,
    );
    return doesFit && isAlone ? [] : [i];
  });
  expect(clashes).toEqual([]);
  const atOnce = (at: number) => lifetimes.filter(({ first, last }) => first <= at && at <= last).length;
  expect(bufferSizes.length).toBeLessThanOrEqual(1.5 * Math.max(...Array.from({ length: 101 }, (_, at) => atOnce(at))));
});
