import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryFolder, memorySource } from '../byteSource.js';
import { openCheckpoint } from '../checkpoint.js';
import { encodeSafetensors } from '../encodeSafetensors.js';
import { convertWeights } from './convertWeights.js';
import { fileSource, nodeFolder } from './fileSource.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-convert-'));
});
afterEach(() => rm(folder, { recursive: true }));

const everyDtype = async () => openCheckpoint(await fileSource(fixturePath('checkpoint/every-dtype.safetensors')));

describe('convertWeights', () => {
  test('to shards and back gives the same bytes', async () => {
    const { files } = await convertWeights(await everyDtype(), join(folder, 'model.safetensors'), {
      maxShardBytes: 100,
    });
    expect(files.length).toBeGreaterThan(3);
    expect(await readdir(folder)).toContain(`model-00001-of-${String(files.length - 1).padStart(5, '0')}.safetensors`);
    const back = join(folder, 'whole.safetensors');
    await convertWeights(await openCheckpoint(nodeFolder(folder)), back);
    expect(await readFile(back)).toEqual(await readFile(fixturePath('checkpoint/every-dtype.safetensors')));
  });

  test('to another dtype converts floats, keeps integers, and comes back from F32', async () => {
    const source = await everyDtype();
    const path = join(folder, 'wide.safetensors');
    await convertWeights(source, path, { dtype: 'F32' });
    const wide = await openCheckpoint(await fileSource(path));
    for (const name of source.names) {
      const { dtype } = source.info(name);
      expect(wide.info(name).dtype).toBe(['F16', 'BF16'].includes(dtype) ? 'F32' : dtype);
      expect((await wide.read(name)).data).toEqual((await source.read(name)).data);
    }
  });

  test('refuses what F16 does not hold, and leaves nothing', async () => {
    const bytes = encodeSafetensors({ large: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 1e6) } });
    const source = await openCheckpoint(memorySource('large', bytes));
    const failed = convertWeights(source, join(folder, 'half.safetensors'), { dtype: 'F16' });
    await expect(failed).rejects.toThrow(WeightError);
    await expect(failed).rejects.toThrow('tensor large in the range of F16, got 1000000 at 1');
    expect(await readdir(folder)).toEqual([]);
    await expect(convertWeights(source, join(folder, 'x.bin'))).rejects.toThrow(ConfigError);
  });
});

describe('a pickle file', () => {
  const zip = Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 8, 8, ...new Array(100).fill(1));
  const pickle = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, ...new Array(100).fill(1));

  test.each([
    ['of torch 1.6 and later', zip],
    ['of earlier ones', pickle],
  ])('%s is never opened, whatever its name: the error says how to convert it', async (_name, bytes) => {
    const failed = openCheckpoint(memorySource('model.safetensors', bytes));
    await expect(failed).rejects.toThrow(WeightError);
    await expect(failed).rejects.toThrow('got the pickle file model.safetensors, which is never opened');
    await expect(failed).rejects.toThrow('save_file(');
  });

  test('beside no safetensors is told for the folder', async () => {
    const only = memoryFolder('t5', new Map([['pytorch_model.bin', zip]]));
    await expect(openCheckpoint(only)).rejects.toThrow('got the pickle file t5/pytorch_model.bin');
    const both = new Map([
      ['pytorch_model.bin', zip],
      ['model.safetensors', encodeSafetensors({})],
    ]);
    expect((await openCheckpoint(memoryFolder('t5', both))).names).toEqual([]);
  });

  test('is not taken for one by the length of a header: 0x0280 bytes', async () => {
    const header = new TextEncoder().encode('{}'.padEnd(0x280));
    const bytes = Uint8Array.of(0x80, 2, 0, 0, 0, 0, 0, 0, ...header);
    expect((await openCheckpoint(memorySource('sound', bytes))).names).toEqual([]);
  });
});
