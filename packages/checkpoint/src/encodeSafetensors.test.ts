import { readFile } from 'node:fs/promises';
import { ConfigError, randomUint32, ShapeError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, test } from 'vitest';
import { memorySource } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { type DType, decodeTensor, dtypeSizes, encodeTensor, type TensorData } from './tensorData.js';

async function everyTensor(bytes: Uint8Array): Promise<Map<string, TensorData>> {
  const checkpoint = await openCheckpoint(memorySource('bytes', bytes));
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) tensors.set(name, await checkpoint.read(name));
  return tensors;
}

describe('writes the very bytes of Python’s safetensors', () => {
  // Goldens: internal/fixtures/python/checkpoint.py.
  test.each([
    ['every-dtype', { format: 'pt' }],
    ['rounding', {}],
    ['not-finite', {}],
  ])('%s', async (name, metadata) => {
    const bytes = new Uint8Array(await readFile(fixturePath(`checkpoint/${name}.safetensors`)));
    const tensors = await everyTensor(bytes);
    const reversed = new Map([...tensors].reverse());
    expect(encodeSafetensors(reversed, metadata)).toEqual(bytes);
  });
});

const dtypes = Object.keys(dtypeSizes) as DType[];

describe('random tensors come back bit for bit', () => {
  test.each(dtypes)('%s', async (dtype) => {
    for (let seed = 0; seed < 40; seed++) {
      const tensors = new Map<string, TensorData>();
      const raw = new Map<string, Uint8Array>();
      for (let index = 0; index < 3; index++) {
        const [rank, ...sizes] = randomUint32({ seed, stage: 1, step: index }, 5);
        const shape = sizes.slice(0, rank! % 5).map((size) => size % 7);
        const bytes = randomBytes(
          dtype,
          shape.reduce((a, b) => a * b, dtypeSizes[dtype]),
          seed * 3 + index,
        );
        raw.set(`tensor ${index}`, bytes);
        tensors.set(`tensor ${index}`, { dtype, shape, data: decodeTensor(dtype, bytes.slice()) });
      }
      const back = await everyTensor(encodeSafetensors(tensors, { seed: String(seed) }));
      for (const [name, tensor] of tensors) {
        expect(back.get(name)!.shape).toEqual(tensor.shape);
        expect(encodeTensor(name, back.get(name)!)).toEqual(raw.get(name));
      }
    }
  });
});

/** Any bit pattern, but no signalling NaN: 16-bit floats make those quiet. */
function randomBytes(dtype: DType, length: number, seed: number): Uint8Array {
  const bytes = Uint8Array.from(randomUint32({ seed, stage: 2 }, length), (u) => u & 0xff);
  if (dtype === 'F16') for (let i = 1; i < length; i += 2) bytes[i]! &= 0xbb;
  if (dtype === 'BF16') for (let i = 1; i < length; i += 2) bytes[i]! &= 0xbf;
  return bytes;
}

test('writes an object as it writes a map, and nothing as an empty file', () => {
  const w: TensorData = { dtype: 'U8', shape: [2], data: Uint8Array.of(1, 2) };
  expect(encodeSafetensors({ w })).toEqual(encodeSafetensors(new Map([['w', w]])));
  expect(encodeSafetensors({})).toEqual(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d, ...Array(6).fill(0x20)));
});

test('encodes a view of a larger buffer as the view', async () => {
  const data = new Float32Array([1, 2, 3, 4, 5]).subarray(1, 4);
  const back = await everyTensor(encodeSafetensors({ w: { dtype: 'F32', shape: [3], data } }));
  expect(back.get('w')!.data).toEqual(Float32Array.of(2, 3, 4));
});

test('refuses arrays that do not fit dtype or shape, and the reserved name', () => {
  const encode = (dtype: DType, shape: number[], data: TensorData['data']) =>
    encodeSafetensors({ w: { dtype, shape, data } });
  expect(() => encode('F32', [2, 3], new Float32Array(5))).toThrow(ShapeError);
  expect(() => encode('F32', [2, 3], new Float32Array(5))).toThrow(
    'for tensor w, F32 [2, 3], Float32Array of 6 values, got Float32Array of 5',
  );
  expect(() => encode('I64', [1], new Int32Array(1))).toThrow('BigInt64Array of 1 values, got Int32Array of 1');
  expect(() => encode('F64' as DType, [1], new Float32Array(1))).toThrow('one of F32, F16');
  expect(() => encodeSafetensors({ __metadata__: { dtype: 'U8', shape: [0], data: new Uint8Array(0) } })).toThrow(
    ConfigError,
  );
});
