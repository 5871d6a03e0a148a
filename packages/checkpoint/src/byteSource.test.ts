import { WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { isInnerPath, memorySource } from './byteSource.js';

test('a path inside a folder has no way out', () => {
  for (const path of ['a', 'a/b.json', '.hidden', 'a..b', '...']) expect(isInnerPath(path), path).toBe(true);
  for (const path of ['', '/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a\\b', '..\\a']) {
    expect(isInnerPath(path), path).toBe(false);
  }
});

test('memory gives copies of its bytes, and an error past its end', async () => {
  const bytes = Uint8Array.of(2, 3, 5, 7);
  const source = memorySource('bytes', bytes);
  const read = await source.read(1, 2);
  expect(read).toEqual(Uint8Array.of(3, 5));
  read[0] = 0;
  expect(bytes[1]).toBe(3);
  expect(await source.read(4, 0)).toEqual(new Uint8Array(0));
  await expect(source.read(3, 2)).rejects.toThrow(WeightError);
  await expect(source.read(-1, 2)).rejects.toThrow('expected 2 bytes at -1 of bytes, got a file of 4 bytes');
});
