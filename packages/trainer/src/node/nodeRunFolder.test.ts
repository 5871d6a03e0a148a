import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, WeightError } from '@muse/backend';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeRunFolder } from './nodeRunFolder.js';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'muse-run-'));
});
afterEach(() => rm(path, { recursive: true }));

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('nodeRunFolder', () => {
  it('writes, appends, lists, renames and removes', async () => {
    const run = await nodeRunFolder(join(path, 'new/run'));
    await run.write('a/b/one.txt', 'one');
    await run.append('a/log.txt', 'x');
    await run.append('a/log.txt', Uint8Array.of(121));
    expect(await run.list('a')).toEqual(['b', 'log.txt']);
    expect(text(await run.read('a/log.txt'))).toBe('xy');
    await run.rename('a/b', 'a/c');
    expect(text(await run.read('a/c/one.txt'))).toBe('one');
    await run.remove('a/c');
    await run.remove('a/never');
    expect(await run.list('a')).toEqual(['log.txt']);
    expect(await run.list('nowhere')).toEqual([]);
  });

  it('leaves no temporary file behind', async () => {
    const run = await nodeRunFolder(path);
    await run.write('one.txt', 'one');
    await run.write('one.txt', 'two');
    expect(await readdir(path)).toEqual(['one.txt']);
    expect(text(await run.read('one.txt'))).toBe('two');
  });

  it('names a file that is missing', async () => {
    const run = await nodeRunFolder(path);
    await expect(run.read('checkpoints/none.json')).rejects.toThrow(WeightError);
    await expect(run.read('checkpoints/none.json')).rejects.toThrow('checkpoints/none.json');
  });

  it('says where it cannot write and why', async () => {
    await writeFile(join(path, 'file'), '');
    await expect(nodeRunFolder(join(path, 'file/run'))).rejects.toThrow(ConfigError);
    const run = await nodeRunFolder(path);
    await expect(run.write('file/inner.txt', 'x')).rejects.toThrow(/can't write .*inner\.txt \(ENOTDIR|EEXIST\)/);
  });
});
