import { WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memorySource } from './byteSource.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { encodeSafetensors, type TensorsByName } from './encodeSafetensors.js';
import { type FloatRows, readFloats } from './readFloats.js';

/** Rows of 300,007 values: three of them are read at once. */
const WIDE = 300_007;
const opened = (tensors: TensorsByName) => openCheckpoint(memorySource('file', encodeSafetensors(tensors)));
const tall = (dtype: 'F32' | 'BF16', at = -1) => {
  const data = Float32Array.from({ length: 5 * WIDE }, (_, i) => i % 127);
  if (at >= 0) data[at] = Number.NEGATIVE_INFINITY;
  return { dtype, shape: [5, WIDE], data } as const;
};
const small = { dtype: 'F16', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const;
const scalar = { dtype: 'F32', shape: [], data: Float32Array.of(7) } as const;
const empty = { dtype: 'F32', shape: [0, 3], data: new Float32Array() } as const;

/** `toEqual` takes a minute for a million values. */
const areSame = (a: Float32Array, b: Float32Array) => a.length === b.length && a.every((value, i) => value === b[i]);

async function collect(rows: AsyncIterable<FloatRows>): Promise<FloatRows[]> {
  const all: FloatRows[] = [];
  for await (const { values, ...rest } of rows) all.push({ ...rest, values: values.slice() });
  return all;
}

test.each(['F32', 'BF16'] as const)('a large tensor of %s comes in parts, in the order asked for', async (dtype) => {
  const checkpoint = await opened({ tall: tall(dtype), small, scalar, empty });
  const all = await collect(readFloats(checkpoint, ['small', 'tall', 'empty', 'scalar']));
  expect(all.map(({ name, start, count, isLast }) => [name, start, count, isLast])).toEqual([
    ['small', 0, 2, true],
    ['tall', 0, 3, false],
    ['tall', 3, 2, true],
    ['empty', 0, 0, true],
    ['scalar', 0, 1, true],
  ]);
  expect(all[0]!.values).toEqual(small.data);
  const { data } = tall(dtype);
  expect(areSame(all[1]!.values, data.subarray(0, 3 * WIDE))).toBe(true);
  expect(areSame(all[2]!.values, data.subarray(3 * WIDE))).toBe(true);
  expect(all[4]!.values).toEqual(scalar.data);
});

test('values go where they are to stay', async () => {
  const checkpoint = await opened({ tall: tall('F32'), small });
  const memory = new Float32Array(5 * WIDE);
  const all = await collect(
    readFloats(checkpoint, ['tall', 'small'], { into: (name) => (name === 'tall' ? memory : undefined) }),
  );
  expect(areSame(memory, tall('F32').data)).toBe(true);
  expect(all.at(-1)!.values).toEqual(small.data);
});

test('the next bytes are asked for while the rows before are worked on', async () => {
  const inner = await opened({ tall: tall('F32') });
  const asked: number[] = [];
  const checkpoint: Checkpoint = {
    ...inner,
    readRows: (name, start, count, into) => {
      asked.push(start);
      return inner.readRows(name, start, count, into);
    },
  };
  const seen: number[][] = [];
  for await (const _ of readFloats(checkpoint, ['tall'])) seen.push([...asked]);
  expect(seen).toEqual([
    [0, 3],
    [0, 3],
  ]);
});

test('the first value that is not finite is named by its place in the tensor', async () => {
  const checkpoint = await opened({ tall: tall('F32', 3 * WIDE + 5) });
  const reading = collect(readFloats(checkpoint, ['tall'], { label: 'model' }));
  await expect(reading).rejects.toThrow(WeightError);
  await expect(reading).rejects.toThrow(
    `model: expected finite values in tensor tall, got -Infinity at ${3 * WIDE + 5} of ${5 * WIDE}`,
  );
  const all = await collect(readFloats(checkpoint, ['tall'], { allowNonFinite: true }));
  expect(all[1]!.values[5]).toBe(Number.NEGATIVE_INFINITY);
});

test('who stops early leaves no read behind that nobody waits for', async () => {
  const inner = await opened({ tall: tall('F32') });
  const checkpoint: Checkpoint = {
    ...inner,
    readRows: (name, start, count, into) =>
      start === 0
        ? inner.readRows(name, start, count, into)
        : Promise.reject(new WeightError({ package: 'checkpoint', in: 'test' }, 'gone')),
  };
  for await (const { start } of readFloats(checkpoint, ['tall'])) {
    expect(start).toBe(0);
    break;
  }
  await expect(collect(readFloats(checkpoint, ['tall']))).rejects.toThrow('gone');
});
