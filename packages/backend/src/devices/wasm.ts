import * as tf from '@tensorflow/tfjs';
import { UnsupportedBackendError } from '../errors.js';
import { fixWasmKernels } from '../kernels/wasm/fixWasmKernels.js';
import { referenceOps } from '../ops/referenceOps.js';
import type { Device, DeviceReport } from './device.js';
import { platform } from './platform/node.js';
import { activate, shutDown } from './tfjsBackend.js';

/** tfjs's WebAssembly kernels (XNNPACK), with their wrong and missing ones put right. */
export const wasmDevice: Device = {
  name: 'wasm',

  async describe(): Promise<DeviceReport> {
    const report = { name: 'wasm', isGpu: false } as const;
    if (!('WebAssembly' in globalThis)) {
      return { ...report, isAvailable: false, detail: 'this runtime has no WebAssembly' };
    }
    return { ...report, isAvailable: true, detail: await detail() };
  },

  async start({ wasmFolder }) {
    if (!('WebAssembly' in globalThis)) {
      throw new UnsupportedBackendError(
        { package: 'backend', in: 'createBackend' },
        'expected WebAssembly for the device wasm, got a runtime without it',
      );
    }
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const folder = wasmFolder ?? platform.wasmFolder();
    if (folder) setWasmPaths(folder.endsWith('/') ? folder : `${folder}/`);
    fixWasmKernels();
    await activate('wasm');
    return {
      capabilities: { isGpu: false, isDeterministic: true, description: await detail() },
      ops: referenceOps,
      checkErrors: async () => {},
      stop: async () => shutDown('wasm'),
    };
  },
};

async function detail(): Promise<string> {
  await import('@tensorflow/tfjs-backend-wasm'); // registers the flags
  const [hasSimd, hasThreads] = await Promise.all([
    tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'),
    tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'),
  ]);
  return `WebAssembly, ${hasSimd ? 'SIMD' : 'no SIMD'}, ${hasThreads ? 'threads' : 'one thread'}`;
}
