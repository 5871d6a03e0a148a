import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, ShapeError, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '../checkpoint.js';
import { encodeSafetensors } from '../encodeSafetensors.js';
import type { TensorData } from '../tensorData.js';
import { fileSource } from './fileSource.js';
import { writeSafetensors } from './writeSafetensors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('writes what Python’s safetensors wrote, byte for byte', async () => {
  const golden = fixturePath('checkpoint/every-dtype.safetensors');
  const checkpoint = await openCheckpoint(await fileSource(golden));
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) tensors.set(name, await checkpoint.read(name));
  const path = join(folder, 'again.safetensors');
  await writeSafetensors(path, tensors, { metadata: checkpoint.metadata });
  expect((await readFile(path)).equals(await readFile(golden))).toBe(true);
  await checkpoint.close();
});

test('writes the bytes of encodeSafetensors', async () => {
  const w = { dtype: 'F16', shape: [3], data: Float32Array.of(1, 2, 3) } as const;
  const path = join(folder, 'small.safetensors');
  await writeSafetensors(path, { w });
  expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors({ w }));
});

test('leaves nothing behind on bad tensors or a bad path', async () => {
  const before = await readdir(folder);
  const path = join(folder, 'bad.safetensors');
  const large = { dtype: 'F16', shape: [1], data: Float32Array.of(1e6) } as const;
  await expect(writeSafetensors(path, { large })).rejects.toThrow(WeightError);
  await expect(writeSafetensors(path, { large: { ...large, shape: [2] } })).rejects.toThrow(ShapeError);
  await expect(writeSafetensors(join(folder, 'absent/bad'), {})).rejects.toThrow(ConfigError);
  expect(await readdir(folder)).toEqual(before);
});
