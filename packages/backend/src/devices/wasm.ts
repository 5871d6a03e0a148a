import * as tf from '@tensorflow/tfjs';
import { UnsupportedBackendError } from '../errors.js';
import { fixWasmKernels } from '../kernels/wasm/fixWasmKernels.js';
import { withMemoryShared } from '../kernels/wasm/sharedMemory.js';
import { WasmKernels } from '../kernels/wasm/wasmKernels.js';
import { wasmComposedOps, wasmOps } from '../kernels/wasm/wasmOps.js';
import { webAssembly } from '../kernels/wasm/webAssembly.js';
import type { Device, DeviceReport } from './device.js';
import { platform } from './platform/node.js';
import { activate, shutDown } from './tfjsBackend.js';

const SIMD_FILE = 'tfjs-backend-wasm-simd.wasm';
/** What tfjs may look for; with SIMD and without threads of its own it takes SIMD_FILE. */
const WASM_FILES = ['tfjs-backend-wasm.wasm', SIMD_FILE, 'tfjs-backend-wasm-threaded-simd.wasm'];

/** tfjs's WebAssembly backend with kernels of our own on its memory, and with threads. */
export const wasmDevice: Device = {
  name: 'wasm',

  async describe(): Promise<DeviceReport> {
    const report = { name: 'wasm', isGpu: false } as const;
    const missing = await findMissing();
    if (missing) return { ...report, isAvailable: false, detail: missing };
    return { ...report, isAvailable: true, detail: describeThreads(platform.numWasmThreads()) };
  },

  async start({ wasmFolder, wasmThreads = platform.numWasmThreads() }) {
    const missing = await findMissing();
    if (missing) {
      throw new UnsupportedBackendError(
        { package: 'backend', in: 'createBackend' },
        `expected WebAssembly with SIMD for the device wasm, got: ${missing}`,
      );
    }
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    const folder = wasmFolder ?? platform.wasmFolder();
    // Threads are ours: tfjs's own start in pages only, and give other bits for another number of them.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    const location = folder && (folder.endsWith('/') ? folder : `${folder}/`);
    const shared = location && wasmThreads > 1 ? await sharedBinary(`${location}${SIMD_FILE}`) : undefined;
    if (location) {
      const paths = Object.fromEntries(WASM_FILES.map((name) => [name, shared ?? `${location}${name}`]));
      setWasmPaths(paths, shared !== undefined); // true: by `fetch`, in Node too
    }
    fixWasmKernels();
    try {
      await activate('wasm');
    } finally {
      if (shared) URL.revokeObjectURL(shared);
    }
    const kernels = await WasmKernels.start(wasmThreads);
    return {
      capabilities: { isGpu: false, isDeterministic: true, description: describeThreads(kernels.numThreads) },
      ops: wasmOps,
      composedOps: wasmComposedOps,
      checkErrors: async () => {},
      async stop() {
        await kernels.stop();
        shutDown('wasm');
      },
    };
  },
};

async function findMissing(): Promise<string | undefined> {
  if (!webAssembly) return 'this runtime has no WebAssembly';
  await import('@tensorflow/tfjs-backend-wasm'); // registers the flags
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) return 'this runtime has no SIMD in WebAssembly';
  return undefined;
}

/** tfjs's module for one thread, its memory shared, as a URL: threads of ours can work on it. */
async function sharedBinary(location: string): Promise<string> {
  const module = withMemoryShared(await platform.readWasmFile(location), true);
  return URL.createObjectURL(new Blob([module], { type: 'application/wasm' }));
}

function describeThreads(numThreads: number): string {
  return `WebAssembly, SIMD, ${numThreads === 1 ? 'one thread' : `${numThreads} threads`}`;
}
