import { memoryFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { expect, it } from 'vitest';
import { type LoadProgress, watchFolder } from './progress.js';

it('reads into the memory that it is given, as the folder does', async () => {
  const file = await watchFolder(nodeFolder(fixturePath('checkpoint')), {}).open('every-dtype.safetensors');
  const memory = new Uint8Array(8);
  expect(await file.read(0, 8, memory)).toBe(memory);
  expect(memory).toEqual(await file.read(0, 8));
  expect(memory.some((byte) => byte !== 0)).toBe(true);
  await file.close();
});

it('tells of each read, and reads nothing once it is aborted', async () => {
  const events: LoadProgress[] = [];
  const controller = new AbortController();
  const folder = memoryFolder('memory', new Map([['a', Uint8Array.of(1, 2, 3, 4)]]));
  const { signal } = controller;
  const file = await watchFolder(folder, { signal, onProgress: (event) => events.push(event) }).open('a');
  await file.read(0, 3);
  controller.abort();
  await expect(file.read(3, 1)).rejects.toMatchObject({ name: 'AbortError' });
  expect(events.map(({ status }) => status)).toEqual(['initiate', 'download', 'progress']);
  expect(events.at(-1)).toMatchObject({ loaded: 3, total: 4, progress: 75 });
});
