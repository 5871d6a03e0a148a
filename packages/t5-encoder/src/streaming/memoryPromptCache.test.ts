import { ConfigError } from '@muse/backend';
import { expect, it } from 'vitest';
import { memoryPromptCache } from './memoryPromptCache.js';
import type { PromptStates } from './streamedT5Encoder.js';

const shape = [1, 2] as const;
const states = (first: number): PromptStates => ({
  tokenIds: Int32Array.of(1),
  embeds: Float32Array.of(first, first + 0.5),
  shape,
});

it('keeps the texts that were used last', async () => {
  const cache = memoryPromptCache(2);
  expect(await cache.get('a', shape)).toBeUndefined();
  await cache.set('a', states(1));
  await cache.set('b', states(2));
  expect(await cache.get('a', shape)).toEqual(states(1).embeds);
  await cache.set('c', states(3));
  expect(await cache.get('b', shape)).toBeUndefined();
  await cache.set('a', states(4));
  expect(await cache.get('a', shape)).toEqual(states(4).embeds);
  expect(await cache.get('c', shape)).toEqual(states(3).embeds);
});

it('is not changed by what is done to the states', async () => {
  const cache = memoryPromptCache();
  const given = states(1);
  await cache.set('a', given);
  given.embeds.fill(0);
  (await cache.get('a', shape))!.fill(0);
  expect(await cache.get('a', shape)).toEqual(states(1).embeds);
});

it.each([0, 1.5, -1])('refuses room for %d texts', (maxTexts) => {
  expect(() => memoryPromptCache(maxTexts)).toThrow(ConfigError);
});
