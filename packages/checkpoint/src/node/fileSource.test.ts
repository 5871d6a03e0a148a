import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileSource, nodeFolder } from './fileSource.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-source-'));
  await mkdir(join(folder, 'inner'));
  await writeFile(join(folder, 'inner/five.bin'), Uint8Array.of(2, 3, 5, 7, 11));
});
afterAll(() => rm(folder, { recursive: true }));

test('reads ranges, in any order and at once', async () => {
  const source = await fileSource(join(folder, 'inner/five.bin'));
  expect(source.sizeBytes).toBe(5);
  const parts = await Promise.all([source.read(3, 2), source.read(0, 2), source.read(5, 0)]);
  expect(parts).toEqual([Uint8Array.of(7, 11), Uint8Array.of(2, 3), new Uint8Array(0)]);
  await source.close();
});

test('is a WeightError when the file is not there, is a folder, has shrunk or was closed', async () => {
  await expect(fileSource(join(folder, 'absent'))).rejects.toThrow('no such file or folder (ENOENT)');
  await expect(fileSource(join(folder, 'inner'))).rejects.toThrow('expected a file, got a folder');
  const path = join(folder, 'shrinks');
  await writeFile(path, new Uint8Array(9));
  const source = await fileSource(path);
  await truncate(path, 4);
  await expect(source.read(0, 9)).rejects.toThrow('expected 9 bytes at 0, got 4: did the file shrink?');
  await source.close();
  await expect(source.read(0, 1)).rejects.toThrow(WeightError);
});

test('a folder opens its files by relative paths', async () => {
  const source = await nodeFolder(folder).open('inner/five.bin');
  expect(await source.read(4, 1)).toEqual(Uint8Array.of(11));
  await source.close();
});

test('a folder has its files only: not folders, nor what lies outside', async () => {
  const inner = nodeFolder(join(folder, 'inner'));
  expect(await inner.has('five.bin')).toBe(true);
  for (const path of ['absent', '../inner/five.bin', '../inner', 'five.bin/x', '.', join(folder, 'inner/five.bin')]) {
    expect(await inner.has(path), path).toBe(false);
    await expect(inner.open(path)).rejects.toThrow(WeightError);
  }
  expect(await nodeFolder(folder).has('inner')).toBe(false);
  expect(await nodeFolder(join(folder, 'absent')).has('five.bin')).toBe(false);
});
