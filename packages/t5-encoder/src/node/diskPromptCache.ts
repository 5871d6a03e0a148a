import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@muse/backend';
import { encodeSafetensors, openCheckpoint } from '@muse/checkpoint';
import { fileSource, writeFileAtomic } from '@muse/checkpoint/node';
import type { PromptCache } from '../streaming/promptCache.js';

export interface DiskPromptCacheOptions {
  /** From here on the entries that were not used for longest are removed. Default 1 GiB: some thousand prompts of XXL. */
  readonly maxBytes?: number;
}

const EXTENSION = '.safetensors';
/** Removing goes a little below the limit, so that not every new entry removes one. */
const KEPT_SHARE = 0.9;

/** `$MUSE_CACHE/prompts`, else `$XDG_CACHE_HOME/muse/prompts`, else `~/.cache/muse/prompts`. */
export function defaultPromptCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { MUSE_CACHE: muse, XDG_CACHE_HOME: xdg } = environment;
  return join(muse || join(xdg || join(homedir(), '.cache'), 'muse'), 'prompts');
}

/**
 * States of prompts in a folder, a safetensors file each, named by content: so any process may share it, and models and
 * texts never meet. An entry that can't be read counts as absent. The folder is made when it is first needed.
 *
 * @throws ConfigError when `maxBytes` is no number above 0, or (from `set`) when the folder can't be written
 */
export function diskPromptCache(folder: string, { maxBytes = 2 ** 30 }: DiskPromptCacheOptions = {}): PromptCache {
  if (!(maxBytes > 0)) {
    throw new ConfigError(
      { package: 't5-encoder', in: 'diskPromptCache' },
      `expected maxBytes to be a number above 0, got ${maxBytes}`,
    );
  }
  const pathOf = (key: string) => join(folder, `${key}${EXTENSION}`);
  let usedBytes: number | undefined;
  return {
    async get(key, shape) {
      try {
        const checkpoint = await openCheckpoint(await fileSource(pathOf(key)));
        try {
          const { data, shape: got } = await checkpoint.read('embeds');
          if (!(data instanceof Float32Array) || got.join() !== shape.join()) return undefined;
          // Used just now; where that can't be noted, the entry is only removed sooner.
          await utimes(pathOf(key), new Date(), new Date()).catch(() => {});
          return data;
        } finally {
          await checkpoint.close();
        }
      } catch {
        return undefined;
      }
    },

    async set(key, { embeds, shape }) {
      await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
        const got = cause instanceof Error ? cause.message : String(cause);
        const place = { package: 't5-encoder', in: 'diskPromptCache' };
        throw new ConfigError(place, `expected a folder that can be made, got ${folder}: ${got}`, { cause });
      });
      const bytes = encodeSafetensors({ embeds: { dtype: 'F32', shape, data: embeds } });
      await writeFileAtomic(pathOf(key), bytes);
      usedBytes = usedBytes === undefined ? total(await entriesOf(folder)) : usedBytes + bytes.length;
      if (usedBytes > maxBytes) usedBytes = await removeOldest(folder, maxBytes * KEPT_SHARE, pathOf(key));
    },
  };
}

interface Entry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedMs: number;
}

const total = (entries: readonly Entry[]) => entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

async function entriesOf(folder: string): Promise<Entry[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(EXTENSION) && !name.startsWith('.'));
  const entries = names.map(async (name): Promise<Entry | undefined> => {
    const path = join(folder, name);
    // Another process may have removed it since.
    const status = await stat(path).catch(() => undefined);
    return status && { path, sizeBytes: status.size, usedMs: status.mtimeMs };
  });
  return (await Promise.all(entries)).filter((entry) => entry !== undefined);
}

/** @param keep the entry that was just written @returns bytes that are left */
async function removeOldest(folder: string, targetBytes: number, keep: string): Promise<number> {
  const entries = (await entriesOf(folder)).sort((a, b) => a.usedMs - b.usedMs);
  let left = total(entries);
  for (const { path, sizeBytes } of entries) {
    if (left <= targetBytes) break;
    if (path === keep) continue;
    await rm(path, { force: true });
    left -= sizeBytes;
  }
  return left;
}
