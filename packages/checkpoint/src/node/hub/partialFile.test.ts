import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFile } from './fileLock.js';
import { openPartialFile } from './partialFile.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-partial-'));
});
afterEach(() => rm(folder, { recursive: true }));

const remote = { path: 'model.safetensors', url: 'http://hub/model', sizeBytes: 17, chunkBytes: 7 };
const open = (file = remote) => openPartialFile(join(folder, 'blob'), file, async () => {});
const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

test('chunks in any order make the file; it has its name when it is whole', async () => {
  const partial = await open();
  await partial.write(2, bytes(3, 5));
  await partial.write(0, bytes(7, 2));
  await partial.write(1, bytes(7, 3));
  expect([...partial.chunks].sort()).toEqual([0, 1, 2]);
  await partial.commit();
  await partial.release();
  expect([...(await readFile(join(folder, 'blob')))]).toEqual([...bytes(7, 2), ...bytes(7, 3), ...bytes(3, 5)]);
  expect(await readdir(folder)).toEqual(['blob']);
});

test('chunks are there again after an end without warning; a chunk that was half written is not', async () => {
  const first = await open();
  await first.write(1, bytes(7, 3));
  // No release: the process was killed, in the middle of a log entry too.
  const log = join(folder, 'blob.muse-chunks.incomplete');
  await writeFile(log, Buffer.concat([await readFile(log), Buffer.of(2, 0)]));
  const second = await open();
  expect([...second.chunks]).toEqual([1]);
  expect([...(await second.read(1))]).toEqual([...bytes(7, 3)]);
  await second.discard();
  await second.release();
  await first.release();
  expect(await readdir(folder)).toEqual([]);
});

test('chunks of another size, or behind the end of the file, do not count', async () => {
  const first = await open();
  await first.write(0, bytes(7, 2));
  await first.release();
  const other = await open({ ...remote, chunkBytes: 5 });
  expect(other.chunks.size).toBe(0);
  await other.release();
  const log = Int32Array.of(7, 0, 2, 99, -1);
  await writeFile(join(folder, 'blob.muse-chunks.incomplete'), new Uint8Array(log.buffer));
  await writeFile(join(folder, 'blob.muse.incomplete'), bytes(7, 2));
  const third = await open();
  expect([...third.chunks]).toEqual([0]);
  await third.release();
});

test('a disk without room for the file is told before anything is fetched', async () => {
  const failed = open({ ...remote, sizeBytes: 2 ** 52 });
  await expect(failed).rejects.toThrow(WeightError);
  await expect(failed).rejects.toThrow(
    /expected 4503599627370496 bytes of room for model\.safetensors in .*, got \d+ on/,
  );
});

test('a lock is for one at a time, and is taken from a process that is gone', async () => {
  const path = join(folder, 'file.lock');
  const order: string[] = [];
  const unlock = await lockFile(path);
  const waiting = lockFile(path).then((release) => {
    order.push('second');
    return release();
  });
  order.push('first');
  await unlock();
  await waiting;
  expect(order).toEqual(['first', 'second']);
  // No process has this number: Linux's are below 2²².
  const { hostname } = await import('node:os');
  await writeFile(path, `${2 ** 30} ${hostname()}\n`);
  await (await lockFile(path))();
  expect(await readdir(folder)).toEqual([]);
});
