import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { createBackend, describeDevices, deviceNames, suitsAuto, UnsupportedBackendError } from '../index.js';

it('reports on every device in the order of auto, and leaves the active one active', async () => {
  const cpu = await createBackend({ device: 'cpu' });
  const reports = await describeDevices();
  expect(reports.map(({ name }) => name)).toEqual([...deviceNames]);
  expect(tf.engine().backendName).toBe('cpu');
  expect(reports.find(({ name }) => name === 'cpu')?.isAvailable).toBe(true);
  expect(reports.find(({ name }) => name === 'wasm')?.detail).toMatch(/^WebAssembly, SIMD/);
  for (const report of reports) expect(report.detail, report.name).not.toBe('');
  await cpu.dispose();
});

it('says which one auto takes', async () => {
  const backend = await createBackend();
  expect((await describeDevices()).find(suitsAuto)?.name).toBe(backend.name);
  await backend.dispose();
});

it('says the same as the start of the device', async () => {
  for (const report of await describeDevices()) {
    const start = createBackend({ device: report.name });
    if (report.isAvailable) {
      const backend = await start;
      expect(backend.capabilities).toMatchObject({ isGpu: report.isGpu, description: report.detail });
      await backend.dispose();
    } else {
      await expect(start).rejects.toThrow(UnsupportedBackendError);
      await expect(start).rejects.toThrow(report.howToGet ?? report.detail);
    }
  }
});
