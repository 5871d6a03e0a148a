import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend, type DeviceReport, describeDevices, deviceNames } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
import { writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Muse } from './index.js';

interface MemoryInfo {
  readonly numTensors: number;
  readonly numBytesAllocatedInGPU?: number;
}

/** Devices that must be there, from the environment: CI has all of them. */
const required = (process.env.MUSE_REQUIRE_DEVICES ?? '').split(',');

let folder: string;
let reports: DeviceReport[];
let reference: Uint8ClampedArray;
const tokenIds = Int32Array.from({ length: 64 }, (_, i) => (5 * i) % 13);

beforeAll(async () => {
  reports = await describeDevices();
  folder = await mkdtemp(join(tmpdir(), 'muse-devices-'));
  const backend = await createBackend({ device: 'cpu' });
  await writeTinyModel(backend, folder);
  const muse = await Muse.fromPretrained(nodeFolder(folder), { backend });
  reference = (await muse.decodeTokens(tokenIds)).data;
  await muse.dispose();
  await backend.dispose();
});

afterAll(() => rm(folder, { recursive: true }));

describe.each(deviceNames)('on %s', (device) => {
  it('an image repeats to the byte, pixels are those of the plain device, nothing is left behind', async (context) => {
    const report = reports.find(({ name }) => name === device)!;
    if (!report.isAvailable && !required.includes(device)) context.skip(`${device}: ${report.detail}`);
    const backend = await createBackend({ device });
    try {
      const before = backend.tf.memory().numTensors;
      const muse = await Muse.fromPretrained(nodeFolder(folder), { backend });
      const options = { prompt: 'a smiling cat', negativePrompt: 'a dog', seed: 3, numSteps: 3 };
      const [first] = await muse.generate(options);
      expect(await muse.generate(options)).toEqual([first]);
      const { data } = await muse.decodeTokens(tokenIds); // the third time: from a plan, where the device has them
      expect((await muse.decodeTokens(tokenIds)).data).toEqual(data);
      const several = { ...options, count: 3 };
      expect(await muse.generate({ ...several, batchSize: 2 })).toEqual(
        await muse.generate({ ...several, onStep() {} }),
      );
      const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - reference[i]!)), 0);
      // Rounding to 8 bits may fall to either side.
      expect(worst).toBeLessThanOrEqual(1);
      // What is kept for images to come is there by now: more of them, of other prompts, add nothing. A thousand:
      // scripts/measureGrowth.mjs.
      const held = () => {
        const { numTensors, numBytesAllocatedInGPU = 0 } = backend.tf.memory() as MemoryInfo;
        return { numTensors, numBytesAllocatedInGPU };
      };
      const settled = held();
      for (const prompt of ['a red dog', 'a cat', 'a red cat']) await muse.generate({ ...options, prompt });
      expect(held()).toEqual(settled);
      await muse.dispose();
      expect(backend.tf.memory().numTensors).toBe(before);
    } finally {
      await backend.dispose();
    }
  });
});
