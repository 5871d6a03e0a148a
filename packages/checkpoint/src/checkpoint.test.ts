import { readFile } from 'node:fs/promises';
import { WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, test } from 'vitest';
import { memoryFolder, memorySource } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { fileSource, nodeFolder } from './node/index.js';

const one = (value: number) =>
  encodeSafetensors({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(value) } }, { value: String(value) });

describe('a file of Python’s safetensors', () => {
  // Golden: internal/fixtures/python/checkpoint.py, every_dtype().
  const path = fixturePath('checkpoint/every-dtype.safetensors');

  test('gives every value of every dtype', async () => {
    const expected = JSON.parse(await readFile(fixturePath('checkpoint/every-dtype.json'), 'utf8')) as Record<
      string,
      { shape: number[]; values: string[] }
    >;
    const checkpoint = await openCheckpoint(await fileSource(path));
    expect(new Set(checkpoint.names)).toEqual(new Set(Object.keys(expected)));
    for (const [name, { shape, values }] of Object.entries(expected)) {
      const tensor = await checkpoint.read(name);
      expect(tensor.shape, name).toEqual(shape);
      const parsed = tensor.data instanceof BigInt64Array ? values.map(BigInt) : values.map(Number);
      expect([...tensor.data], name).toEqual(parsed);
    }
    await checkpoint.close();
  });

  test('has its dtypes, sizes, metadata and array types', async () => {
    const checkpoint = await openCheckpoint(await fileSource(path));
    expect(checkpoint.metadata).toEqual({ format: 'pt' });
    expect(checkpoint.info('layers.2.weight')).toEqual({ dtype: 'F32', shape: [11, 7], sizeBytes: 308 });
    expect(checkpoint.info('bf16')).toEqual({ dtype: 'BF16', shape: [7], sizeBytes: 14 });
    expect(checkpoint.info('scalar')).toEqual({ dtype: 'F32', shape: [], sizeBytes: 4 });
    const types = {
      f16: Float32Array,
      bf16: Float32Array,
      i8: Int8Array,
      u8: Uint8Array,
      i32: Int32Array,
      i64: BigInt64Array,
    };
    for (const [name, type] of Object.entries(types)) expect((await checkpoint.read(name)).data).toBeInstanceOf(type);
    await checkpoint.close();
  });
});

test('reads a tensor’s own bytes and no more', async () => {
  const bytes = await readFile(fixturePath('checkpoint/every-dtype.safetensors'));
  const reads: number[] = [];
  const source = memorySource('every-dtype', bytes);
  const checkpoint = await openCheckpoint({
    ...source,
    read: (offset, length) => {
      reads.push(length);
      return source.read(offset, length);
    },
  });
  expect(reads).toEqual([8, 936]);
  await checkpoint.read('i8');
  expect(reads).toEqual([8, 936, 6]);
});

test('gives a tensor that the caller owns', async () => {
  const bytes = one(5);
  const checkpoint = await openCheckpoint(memorySource('own', bytes));
  (await checkpoint.read('w')).data[0] = 9;
  expect((await checkpoint.read('w')).data[0]).toBe(5);
});

test('names file and tensor when there is no such tensor', async () => {
  const checkpoint = await openCheckpoint(memorySource('some.safetensors', one(1)));
  await expect(checkpoint.read('nothing')).rejects.toThrow(WeightError);
  expect(() => checkpoint.info('nothing')).toThrow('some.safetensors: expected a tensor nothing, got none among 1');
});

describe('a folder', () => {
  const opened = async (files: Record<string, Uint8Array>, file?: string) =>
    (await openCheckpoint(memoryFolder('folder', new Map(Object.entries(files))), file ? { file } : {})).metadata.value;
  const model = 'model.safetensors';
  const diffusers = 'diffusion_pytorch_model.safetensors';

  test('is searched for transformers’ name, then diffusers’', async () => {
    expect(await opened({ [diffusers]: one(2), [model]: one(1) })).toBe('1');
    expect(await opened({ [diffusers]: one(2) })).toBe('2');
  });

  test('gives the file that was asked for', async () => {
    expect(await opened({ [model]: one(1), 'other.safetensors': one(3) }, 'other.safetensors')).toBe('3');
  });

  test('without weights says which files were expected', async () => {
    await expect(opened({ 'notes.txt': one(1) })).rejects.toThrow(
      '[checkpoint] openCheckpoint: expected model.safetensors or diffusion_pytorch_model.safetensors',
    );
    await expect(opened({ [model]: one(1) }, 'absent.safetensors')).rejects.toThrow('absent.safetensors in folder');
  });

  test('of the file system that does not exist is a WeightError', async () => {
    await expect(openCheckpoint(nodeFolder('does/not/exist'))).rejects.toThrow(WeightError);
  });
});

test('closes the source when the file is not sound', async () => {
  let closed = 0;
  const source = { ...memorySource('short', new Uint8Array(3)), close: async () => void closed++ };
  await expect(openCheckpoint(source)).rejects.toThrow(WeightError);
  expect(closed).toBe(1);
});
