import { WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memoryFolder, memorySource } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { renameTensors } from './renameTensors.js';
import type { DType, TensorValues } from './tensorData.js';

/** w[i] = 10·i + (0 … 5), [5, 3, 2]; a scalar; a tensor without rows. Small whole numbers, exact in every dtype. */
function fileOf(dtype: DType, from: (values: number[]) => TensorValues): Uint8Array {
  const values = Array.from({ length: 30 }, (_, at) => 10 * Math.floor(at / 6) + (at % 6));
  return encodeSafetensors({
    before: { dtype: 'F32', shape: [1], data: Float32Array.of(7) },
    w: { dtype, shape: [5, 3, 2], data: from(values) },
    scalar: { dtype: 'F32', shape: [], data: Float32Array.of(8) },
    empty: { dtype: 'F32', shape: [0, 3], data: new Float32Array() },
  });
}

test.each<[DType, (values: number[]) => TensorValues]>([
  ['F32', (values) => Float32Array.from(values)],
  ['F16', (values) => Float32Array.from(values)],
  ['BF16', (values) => Float32Array.from(values)],
  ['I8', (values) => Int8Array.from(values)],
])('rows of a tensor of %s are read by their bytes alone', async (dtype, from) => {
  const inner = memorySource('file', fileOf(dtype, from));
  const reads: number[] = [];
  const counted = {
    ...inner,
    read: (offset: number, length: number) => {
      reads.push(length);
      return inner.read(offset, length);
    },
  };
  const checkpoint = await openCheckpoint(counted);
  reads.length = 0;
  const rows = await checkpoint.readRows('w', 1, 2);
  expect(rows).toEqual({ dtype, shape: [2, 3, 2], data: from([10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25]) });
  expect(reads).toEqual([(checkpoint.info('w').sizeBytes / 5) * 2]);
  expect(await checkpoint.readRows('w', 0, 5)).toEqual(await checkpoint.read('w'));
  expect((await checkpoint.readRows('w', 5, 0)).shape).toEqual([0, 3, 2]);
});

test.each([
  ['w', 4, 2, 'expected rows of the 5 of tensor w, got 2 from 4 on'],
  ['w', -1, 1, 'got 1 from -1 on'],
  ['w', 0.5, 1, 'got 1 from 0.5 on'],
  ['scalar', 0, 1, 'expected rows of the 0 of tensor scalar'],
  ['empty', 0, 1, 'expected rows of the 0 of tensor empty'],
  ['absent', 0, 1, 'expected a tensor absent'],
])('there are no such rows: %s from %d, %d of them', async (name, start, count, message) => {
  const checkpoint = await openCheckpoint(memorySource('file', fileOf('F32', Float32Array.from.bind(Float32Array))));
  await expect(checkpoint.readRows(name, start, count)).rejects.toThrow(WeightError);
  await expect(checkpoint.readRows(name, start, count)).rejects.toThrow(message);
});

test('rows are read of shards and of renamed tensors as well', async () => {
  const file = 'model-00001-of-00001.safetensors';
  const index = { weight_map: { before: file, w: file, scalar: file, empty: file } };
  const folder = memoryFolder(
    'folder',
    new Map([
      [file, fileOf('F32', (values) => Float32Array.from(values))],
      ['model.safetensors.index.json', new TextEncoder().encode(JSON.stringify(index))],
    ]),
  );
  const renamed = renameTensors(await openCheckpoint(folder), (name) => `model.${name}`);
  expect((await renamed.readRows('model.w', 4, 1)).data).toEqual(Float32Array.of(40, 41, 42, 43, 44, 45));
});
