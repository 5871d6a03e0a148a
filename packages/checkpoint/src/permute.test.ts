import { expect, test } from 'vitest';
import { toFilePermutation, toMemoryPermutation } from './parameters.js';
import { permute } from './permute.js';

const ramp = (length: number) => Float32Array.from({ length }, (_, i) => i);

test('transposes a matrix', () => {
  // [[0, 1, 2], [3, 4, 5]]
  expect(permute(ramp(6), [2, 3], [1, 0])).toEqual(Float32Array.of(0, 3, 1, 4, 2, 5));
});

test('transposes a matrix that no tile divides', () => {
  const out = permute(ramp(67 * 41), [67, 41], [1, 0]);
  for (let row = 0; row < 67; row++)
    for (let column = 0; column < 41; column++) expect(out[column * 67 + row]).toBe(row * 41 + column);
});

test('puts the value of each place where the axes say', () => {
  const shape = [2, 3, 5, 7];
  const out = permute(ramp(210), shape, [2, 3, 1, 0]);
  for (let o = 0; o < 2; o++)
    for (let i = 0; i < 3; i++)
      for (let h = 0; h < 5; h++)
        for (let w = 0; w < 7; w++) expect(out[((h * 7 + w) * 3 + i) * 2 + o]).toBe(((o * 3 + i) * 5 + h) * 7 + w);
});

test('of file to memory and back is the identity, for every layout', () => {
  const conv = permute(ramp(210), [2, 3, 5, 7], toMemoryPermutation('conv')!);
  expect(permute(conv, [5, 7, 3, 2], toFilePermutation('conv')!)).toEqual(ramp(210));
  const linear = permute(ramp(77), [7, 11], toMemoryPermutation('linear')!);
  expect(permute(linear, [11, 7], toFilePermutation('linear')!)).toEqual(ramp(77));
});

test('keeps the array type, leaves its input alone and takes empty arrays', () => {
  const input = Int32Array.of(1, 2, 3, 4);
  expect(permute(input, [2, 2], [1, 0])).toEqual(Int32Array.of(1, 3, 2, 4));
  expect(input).toEqual(Int32Array.of(1, 2, 3, 4));
  expect(permute(new Float32Array(0), [0, 3], [1, 0])).toEqual(new Float32Array(0));
});
