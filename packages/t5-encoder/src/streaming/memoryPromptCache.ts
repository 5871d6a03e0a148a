import { ConfigError } from '@muse/backend';
import type { PromptCache } from './promptCache.js';

/**
 * States of the last texts, in memory: 1 MB for 64 tokens of XXL.
 *
 * @param maxTexts from here on the text that was not used for longest goes
 * @throws ConfigError when `maxTexts` is no whole number of at least 1
 */
export function memoryPromptCache(maxTexts = 64): PromptCache {
  if (!Number.isSafeInteger(maxTexts) || maxTexts < 1) {
    throw new ConfigError(
      { package: 't5-encoder', in: 'memoryPromptCache' },
      `expected maxTexts to be a whole number of at least 1, got ${maxTexts}`,
    );
  }
  /** The one used last comes last. */
  const entries = new Map<string, Float32Array>();
  const use = (key: string, embeds: Float32Array) => {
    entries.delete(key);
    entries.set(key, embeds);
  };
  return {
    async get(key) {
      const embeds = entries.get(key);
      if (embeds) use(key, embeds);
      return embeds?.slice();
    },
    async set(key, { embeds }) {
      use(key, embeds.slice());
      if (entries.size > maxTexts) entries.delete(entries.keys().next().value!);
    },
  };
}
