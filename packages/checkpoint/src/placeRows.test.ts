import { expect, test } from 'vitest';
import { toMemoryPermutation } from './parameters.js';
import { permute } from './permute.js';
import { memoryRows, placeRows } from './placeRows.js';

const ramp = (length: number) => Float32Array.from({ length }, (_, i) => i + 1);

// 8 rows are placed together: parts below, at and above it, and one that leaves a rest.
test.each([
  ['linear', [29, 13], [29]],
  ['linear', [29, 13], [8, 16, 5]],
  ['conv', [19, 5, 3, 2], [19]],
  ['conv', [19, 5, 3, 2], [1, 7, 11]],
  ['conv', [3, 7, 1, 1], [2, 1]],
] as const)('%s of %j in parts of %j rows lies in memory as the whole, permuted', (layout, shape, parts) => {
  const size = shape.reduce((product: number, n) => product * n, 1);
  const width = size / shape[0];
  const values = ramp(size);
  const out = new Float32Array(size);
  const order = memoryRows(layout, shape);
  let start = 0;
  for (const count of parts) {
    placeRows(values.slice(start * width, (start + count) * width), start, count, order, out);
    start += count;
  }
  expect(start).toBe(shape[0]);
  expect(out).toEqual(permute(values, shape, toMemoryPermutation(layout)!));
});
