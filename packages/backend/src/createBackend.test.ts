import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeBackends, expectTensorClose } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type BackendProgress, createBackend, type DeviceName, deviceNames, UnsupportedBackendError } from './index.js';

describeBackends('a backend', (backend, device) => {
  it('is named, described and active', async () => {
    expect(backend().name).toBe(device);
    expect(backend().capabilities.description).not.toBe('');
    expect(backend().reason).toBe('asked for');
    expect(tf.engine().backendName).toBe(device);
  });

  it('computes through the one tfjs', async () => {
    const product = backend().tf.matMul([[1, 2]], [[3], [5]]);
    await expectTensorClose(product, { shape: [1, 1], data: [13] }, 0);
    product.dispose();
  });

  it('is shared by its users and stops with the last', async () => {
    const second = await createBackend({ device });
    await second.dispose();
    await second.dispose(); // a second time changes nothing
    const sum = backend().tf.add(1, 2);
    expect([...(await sum.data())]).toEqual([3]);
    sum.dispose();
  });

  it('has bf16 on tensorflow only', async () => {
    const narrow = createBackend({ device, dtype: 'bf16' });
    if (device !== 'tensorflow') {
      await expect(narrow).rejects.toThrow(`expected a dtype of the device ${device} (auto, f32`);
      return;
    }
    await (await narrow).dispose();
  });

  it('takes its own first choice for auto, and f32 unless told', async () => {
    for (const [asked, got] of [
      ['auto', backend().dtypes[0]],
      [undefined, 'f32'],
    ] as const) {
      const made = await createBackend({ device, dtype: asked });
      expect(made.dtype).toBe(got);
      await made.dispose();
    }
  });
});

describe('createBackend', () => {
  it('starts a device again after it was stopped', async () => {
    for (const device of ['cpu', 'wasm', 'cpu', 'wasm'] as const) {
      const backend = await createBackend({ device });
      const sum = backend.tf.sum(backend.tf.ones([3, 5]));
      expect([...(await sum.data())]).toEqual([15]);
      await backend.dispose();
    }
  });

  it('gives the active place back to the device that ran before', async () => {
    const cpu = await createBackend({ device: 'cpu' });
    const wasm = await createBackend({ device: 'wasm' });
    expect(tf.engine().backendName).toBe('wasm');
    await wasm.dispose();
    expect(tf.engine().backendName).toBe('cpu');
    await cpu.dispose();
  });

  it('takes the first device that is there by itself, and says which it passed over and why', async () => {
    const progress: BackendProgress[] = [];
    const backend = await createBackend({ onProgress: (entry) => progress.push(entry) });
    const passed = progress.filter(({ status }) => status === 'passedOver');
    expect(passed.map(({ device }) => device)).toEqual(deviceNames.slice(0, deviceNames.indexOf(backend.name)));
    for (const { device, detail } of passed) expect(backend.reason).toContain(`not ${device}: ${detail}`);
    expect(backend.reason).toContain(`${backend.name}: ${backend.capabilities.description}`);
    expect(progress.at(-1)).toEqual({
      status: 'ready',
      device: backend.name,
      detail: backend.capabilities.description,
    });
    if (backend.name === 'webgpu') expect(backend.capabilities.isGpu).toBe(true);
    await backend.dispose();
  });

  it('refuses a device that it does not know', async () => {
    const unknown = createBackend({ device: 'quantum' as DeviceName });
    await expect(unknown).rejects.toThrow(UnsupportedBackendError);
    await expect(unknown).rejects.toThrow('expected device auto, webgpu, tensorflow, wasm, cpu, got quantum');
  });
});

describeBackends(
  'WebGPU errors',
  (backend) => {
    it('reach the caller of checkErrors, once', async () => {
      const { device } = backend().tf.backend() as unknown as { device: GPUDevice };
      device.createBuffer({ size: 4, usage: 0 }); // a buffer needs a use
      await expect(backend().checkErrors()).rejects.toThrow('[backend] webgpu: ');
      await expect(backend().checkErrors()).resolves.toBeUndefined();
    });
  },
  { devices: ['webgpu'] },
);

const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));

describe.skipIf(!existsSync(built))('a process that used the built package', () => {
  it.each(deviceNames)(
    'ends by itself, with its own exit code, after %s',
    async (device) => {
      const use = `
      const { createBackend } = await import(${JSON.stringify(built)});
      const backend = await createBackend({ device: ${JSON.stringify(device)} }).catch(() => process.exit(7));
      console.log(...await backend.tf.matMul([[1, 2]], [[3], [5]]).data());
      if (process.argv[1] === 'exit') process.exit(3);`;
      const run = (...args: string[]) =>
        promisify(execFile)(process.execPath, ['--input-type=module', '-e', use, ...args], { timeout: 110_000 }).then(
          ({ stdout }) => ({ code: 0, stdout }),
          ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
        );
      const ended = await run();
      if (ended.code === 7) return expect(await run('exit')).toEqual(ended); // a device that is not there
      expect(ended).toEqual({ code: 0, stdout: '13\n' });
      expect(await run('exit')).toEqual({ code: 3, stdout: '13\n' });
    },
    240_000,
  );

  it.skipIf(process.platform !== 'linux')('is told how to get a GPU driver where there is none', async () => {
    const use = `
      const { createBackend, describeDevices } = await import(${JSON.stringify(built)});
      const [webgpu] = await describeDevices();
      const message = await createBackend({ device: 'webgpu' }).catch((error) => error.name + ': ' + error.message);
      console.log(JSON.stringify({ webgpu, message }));`;
    // The Vulkan loader takes its list of drivers from here: none.
    const env = { ...process.env, VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', use], { env });
    const { webgpu, message } = JSON.parse(stdout);
    expect(webgpu).toMatchObject({ name: 'webgpu', isAvailable: false, isGpu: false });
    expect(webgpu.howToGet).not.toBe('');
    expect(message).toBe(
      'UnsupportedBackendError: [backend] createBackend: expected WebGPU for the device webgpu, got: ' +
        `${webgpu.detail} (to get it: ${webgpu.howToGet})`,
    );
  });
});
