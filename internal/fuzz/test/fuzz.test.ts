import { MuseError } from '@muse/backend';
import { expect, test } from 'vitest';
import { Draws } from '../src/mutate.js';
import { makeTargets } from '../src/targets.js';

const count = Number(process.env.FUZZ_COUNT ?? 2000);
const first = Number(process.env.FUZZ_SEED ?? 0);
/** Of CPU, for one input: far more than any needs, far less than a hang. */
const MAX_CPU_MS = 2000;
const MAX_MEMORY_BYTES = 512 * 2 ** 20;

const memoryBytes = () => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

test(`${count} broken files are read or refused with one of our errors, at once and in little memory`, async () => {
  const targets = await makeTargets();
  const startBytes = memoryBytes();
  const refused = new Map(targets.map(({ name }) => [name, 0]));
  for (let number = first; number < first + count; number++) {
    const draws = new Draws(number);
    const target = draws.of(targets);
    const what = `${target.name}, input ${number}`;
    const bytes = target.mutate(draws);
    const cpu = process.cpuUsage();
    const beforeBytes = memoryBytes();
    try {
      await target.read(bytes);
    } catch (error) {
      if (!(error instanceof MuseError)) throw new Error(`${what}: not one of our errors`, { cause: error });
      if (!/^\[[a-z0-9-]+\] \w+: ./.test(error.message)) throw new Error(`${what}: ${error.message}`);
      refused.set(target.name, refused.get(target.name)! + 1);
    }
    const { user, system } = process.cpuUsage(cpu);
    const grown = Math.max(memoryBytes() - beforeBytes, 0);
    if (user + system > 1000 * MAX_CPU_MS) throw new Error(`${what}: ${Math.round((user + system) / 1000)} ms`);
    if (grown > MAX_MEMORY_BYTES) throw new Error(`${what}: ${Math.round(grown / 2 ** 20)} MiB`);
  }
  expect(memoryBytes() - startBytes).toBeLessThan(MAX_MEMORY_BYTES);
  // Some of each are harmless; that none is refused would mean that nothing was broken.
  if (count >= 1000) for (const [name, times] of refused) expect([name, times > 0]).toEqual([name, true]);
});
