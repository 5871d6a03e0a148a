import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@muse/backend';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PromptStates } from '../streaming/streamedT5Encoder.js';
import { defaultPromptCacheFolder, diskPromptCache } from './diskPromptCache.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-prompts-'));
});
afterEach(() => rm(folder, { recursive: true }));

const shape = [3, 5] as const;
const states = (first: number): PromptStates => ({
  tokenIds: Int32Array.of(7, 8, 1),
  embeds: Float32Array.from({ length: 15 }, (_, at) => first + at / 3),
  shape,
});
const files = async (path: string) => (await readdir(path)).sort();

describe('diskPromptCache', () => {
  it('gives back, to the bit, what any cache in this folder kept', async () => {
    const inner = join(folder, 'not/there/yet');
    await diskPromptCache(inner).set('aa', states(1));
    await diskPromptCache(inner).set('bb', states(2));
    expect(await diskPromptCache(inner).get('aa', shape)).toEqual(states(1).embeds);
    expect(await diskPromptCache(inner).get('bb', shape)).toEqual(states(2).embeds);
    expect(await files(inner)).toEqual(['aa.safetensors', 'bb.safetensors']);
  });

  it('has nothing under other keys, of another shape, or in a folder that is not there', async () => {
    const cache = diskPromptCache(folder);
    await cache.set('aa', states(1));
    expect(await cache.get('ab', shape)).toBeUndefined();
    expect(await cache.get('aa', [5, 3])).toBeUndefined();
    expect(await diskPromptCache(join(folder, 'absent')).get('aa', shape)).toBeUndefined();
  });

  it.each([
    ['cut short', (bytes: number) => new Uint8Array(bytes)],
    ['of something else', () => new TextEncoder().encode('<html>')],
  ])('takes a file %s for none, and writes over it', async (_, broken) => {
    const cache = diskPromptCache(folder);
    await cache.set('aa', states(1));
    const path = join(folder, 'aa.safetensors');
    await writeFile(path, broken((await stat(path)).size - 1));
    expect(await cache.get('aa', shape)).toBeUndefined();
    await cache.set('aa', states(1));
    expect(await cache.get('aa', shape)).toEqual(states(1).embeds);
  });

  it('removes what was not used for longest when it grows too large, and nothing else', async () => {
    const sizes = diskPromptCache(folder);
    await sizes.set('a', states(1));
    const entryBytes = (await stat(join(folder, 'a.safetensors'))).size;
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const cache = diskPromptCache(folder, { maxBytes: 3.5 * entryBytes });
    for (const [age, key] of ['b', 'c'].entries()) {
      await cache.set(key, states(2));
      await utimes(join(folder, `${key}.safetensors`), 1000 + age, 1000 + age);
    }
    await utimes(join(folder, 'a.safetensors'), 999, 999);
    expect(await cache.get('a', shape)).toEqual(states(1).embeds);
    await cache.set('d', states(3));
    // Four entries are more than 3.5, three less than 90% of it; b was used before c, a just now.
    expect(await files(folder)).toEqual(['a.safetensors', 'c.safetensors', 'd.safetensors', 'notes.txt']);
  });

  it('says what can’t be', async () => {
    expect(() => diskPromptCache(folder, { maxBytes: 0 })).toThrow(ConfigError);
    await writeFile(join(folder, 'file'), '');
    await expect(diskPromptCache(join(folder, 'file')).set('aa', states(1))).rejects.toThrow(ConfigError);
  });
});

describe('defaultPromptCacheFolder', () => {
  it('follows MUSE_CACHE, then XDG_CACHE_HOME', () => {
    expect(defaultPromptCacheFolder({ MUSE_CACHE: '/m', XDG_CACHE_HOME: '/x' })).toBe(join('/m', 'prompts'));
    expect(defaultPromptCacheFolder({ MUSE_CACHE: '', XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'muse', 'prompts'));
    expect(defaultPromptCacheFolder({})).toMatch(/\.cache.muse.prompts$/);
  });
});
