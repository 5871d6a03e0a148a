import { readFile } from 'node:fs/promises';
import { randomUint32, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, test } from 'vitest';
import { memorySource } from './byteSource.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { MAX_HEADER_BYTES, readSafetensorsHeader } from './safetensorsHeader.js';

/** A file with this header, as it stands, and this many bytes of tensors. */
function fileOf(header: unknown, dataBytes: number, headerBytes?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, headerBytes ?? BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const f32 = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: offsets });
const whole = { a: f32([2], [0, 8]), b: f32([1, 3], [8, 20]) };

test('takes a sound header in the order of the bytes, whatever its own order', async () => {
  const { tensors, metadata } = await readSafetensorsHeader(
    memorySource('sound', fileOf({ b: whole.b, __metadata__: { k: 'v' }, a: whole.a }, 20)),
  );
  expect([...tensors.keys()]).toEqual(['a', 'b']);
  expect(metadata).toEqual({ k: 'v' });
});

test('takes padding, no tensors at all, and empty tensors', async () => {
  for (const [header, bytes] of [
    ['{}   ', 0],
    [{ a: f32([0, 3], [0, 0]), b: f32([1], [0, 4]), c: f32([5, 0], [4, 4]) }, 4],
  ] as const) {
    await readSafetensorsHeader(memorySource('sound', fileOf(header, bytes)));
  }
});

const bad: [string, Uint8Array, string][] = [
  ['an empty file', new Uint8Array(0), 'expected at least 8 bytes, got 0'],
  ['a file that ends in the length', new Uint8Array(7), 'expected at least 8 bytes, got 7'],
  ['a header longer than the file', fileOf('{}', 0, 3n), 'header of 3 bytes, got a file of 10 bytes'],
  ['a header over the limit', fileOf('{}', 0, BigInt(MAX_HEADER_BYTES) + 1n), 'at most 100000000 bytes, got 100000001'],
  ['a length of 2⁶⁴ − 1', fileOf('{}', 0, 2n ** 64n - 1n), 'got 18446744073709551615'],
  ['a header of no bytes', fileOf('', 0), 'UTF-8 JSON'],
  ['a header that is no JSON', fileOf('{"a":', 0), 'UTF-8 JSON'],
  ['a header that is not UTF-8', new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe]), 'UTF-8 JSON'],
  ['a byte order mark', fileOf('\ufeff{}', 0), 'UTF-8 JSON'],
  ['a space before the header', fileOf(' {}', 0), 'JSON object'],
  ['a header that is an array', fileOf('[]', 0), 'JSON object'],
  ['deep nesting', fileOf('['.repeat(200_000), 0), 'UTF-8 JSON'],
  ['a name that stands twice', fileOf('{"a":{},"a":{}}', 0), 'got "a" twice'],
  [
    'metadata that is no object',
    fileOf({ __metadata__: 1 }, 0),
    '__metadata__ to be an object of strings, got a number',
  ],
  ['metadata with a number', fileOf({ __metadata__: { k: 1 } }, 0), '__metadata__.k to be a string, got a number'],
  ['an entry that is no object', fileOf({ a: null }, 0), 'object for tensor a, got null'],
  ['an unknown dtype', fileOf({ a: f32([2], [0, 8], 'F31') }, 8), 'dtype of tensor a to be one of F32, F16, BF16'],
  ['a dtype named as a method', fileOf({ a: f32([2], [0, 8], 'toString') }, 8), 'got "toString"'],
  ['no dtype', fileOf({ a: { shape: [2], data_offsets: [0, 8] } }, 8), 'dtype of tensor a'],
  ['a negative size', fileOf({ a: f32([-2], [0, 8]) }, 8), 'shape of tensor a to be sizes, got [-2]'],
  ['a fractional size', fileOf({ a: f32([0.5], [0, 2]) }, 2), 'shape of tensor a'],
  ['a shape that is a number', fileOf({ a: f32(2, [0, 8]) }, 8), 'shape of tensor a'],
  ['a size that no double counts', fileOf({ a: f32([2 ** 40, 2 ** 40], [0, 8]) }, 8), 'expected Infinity bytes'],
  ['offsets that don’t match the shape', fileOf({ a: f32([3], [0, 8]) }, 8), '12 bytes for tensor a, F32 [3]'],
  ['offsets in reverse', fileOf({ a: f32([2], [8, 0]) }, 8), 'data_offsets [begin, end] of tensor a, got [8,0]'],
  ['one offset', fileOf({ a: f32([2], [8]) }, 8), 'data_offsets [begin, end] of tensor a'],
  ['a negative offset', fileOf({ a: f32([2], [-8, 0]) }, 8), 'data_offsets [begin, end] of tensor a'],
  ['overlapping tensors', fileOf({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), 'got overlap'],
  ['two tensors in one place', fileOf({ a: f32([2], [0, 8]), b: f32([2], [0, 8]) }, 8), 'got overlap'],
  ['a gap between tensors', fileOf({ a: f32([2], [0, 8]), b: f32([2], [12, 20]) }, 20), 'got a gap'],
  ['a gap before the first tensor', fileOf({ a: f32([2], [4, 12]) }, 12), 'after the header, got a gap'],
  ['a file that ends in a tensor', fileOf(whole, 19), 'is it truncated?'],
  ['bytes after the last tensor', fileOf(whole, 21), 'by its header, got'],
  ['bytes and no tensor', fileOf('{}', 4), 'a file of 10 bytes by its header, got 14'],
];

describe('a WeightError that names the file, and no tensor’s bytes read, on', () => {
  test.each(bad)('%s', async (_, bytes, message) => {
    let read = 0;
    const source = memorySource('bad.safetensors', bytes);
    const counted = {
      ...source,
      read: (offset: number, length: number) => {
        read = Math.max(read, offset + length);
        return source.read(offset, length);
      },
    };
    const error = await openCheckpoint(counted).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WeightError);
    expect((error as Error).message).toContain('[checkpoint] openCheckpoint: bad.safetensors: ');
    expect((error as Error).message).toContain(message);
    const headerBytes = bytes.length < 8 ? 0 : Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(read).toBeLessThanOrEqual(8 + headerBytes);
  });

  test('a dtype of Python’s safetensors that we don’t read', async () => {
    const bytes = await readFile(fixturePath('checkpoint/unknown-dtype.safetensors'));
    await expect(openCheckpoint(memorySource('bool', bytes))).rejects.toThrow('dtype of tensor flags');
  });
});

test('a source that gives fewer bytes than asked for is a WeightError', async () => {
  const source = { ...memorySource('short', fileOf(whole, 20)), read: async () => new Uint8Array(3) };
  await expect(openCheckpoint(source)).rejects.toThrow('short: expected 8 bytes at 0, got 3');
});

test('random corruption ends in a WeightError or in a file that can be read', async () => {
  const sound = new Uint8Array(await readFile(fixturePath('checkpoint/every-dtype.safetensors')));
  const headerEnd = 8 + 936;
  let refused = 0;
  for (let seed = 0; seed < 3000; seed++) {
    const [kind, ...draws] = randomUint32({ seed, stage: 3 }, 13);
    const bytes = corrupt(sound, headerEnd, kind!, draws);
    let checkpoint: Checkpoint;
    try {
      checkpoint = await openCheckpoint(memorySource('corrupt', bytes));
    } catch (error) {
      expect(error, `seed ${seed}`).toBeInstanceOf(WeightError);
      refused += 1;
      continue;
    }
    for (const name of checkpoint.names) {
      const { shape, data } = await checkpoint.read(name);
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
    }
  }
  // Flips in the tensors' bytes or in a name leave a sound file; most others must be seen.
  expect(refused).toBeGreaterThan(1500);
});

/** Flips bytes, cuts, doubles or inserts; mostly in the header, where it matters. */
function corrupt(sound: Uint8Array, headerEnd: number, kind: number, draws: number[]): Uint8Array {
  const [at, value, count] = draws as [number, number, number];
  if (kind % 4 === 0) return sound.slice(0, at % sound.length);
  if (kind % 4 === 1) {
    const place = at % headerEnd;
    return Uint8Array.of(...sound.slice(0, place), value & 0xff, ...sound.slice(place));
  }
  const bytes = sound.slice();
  const end = kind % 4 === 2 ? headerEnd : bytes.length;
  for (let i = 0; i < 1 + (count % 4); i++) bytes[draws[3 + i]! % end] = draws[7 + i]! & 0xff;
  return bytes;
}
