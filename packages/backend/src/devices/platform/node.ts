/// <reference types="@webgpu/types" />
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import type { Found } from '../device.js';
import {
  MAX_WASM_THREADS,
  type Platform,
  type TensorflowLibrary,
  type TextStore,
  type Thread,
  type ThreadWork,
} from './platform.js';
import { pollCalmly } from './pollCalmly.js';

const require = createRequire(import.meta.url);

const TENSORFLOW_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
const INSTALL_TENSORFLOW = 'npm install @tensorflow/tfjs-node@4.22.0, then muse devices --install tensorflow';

export const platform: Platform = {
  findGpu,
  findTensorflow,
  wasmFolder: () => join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist'),
  readWasmFile: (location) => readFile(location),
  numWasmThreads: () => Math.min(availableParallelism(), MAX_WASM_THREADS),
  startThread,
  textStore: (name) => fileStore(join(cacheFolder(), `${name}.json`)),
  withFile(name, bytes, use) {
    const folder = mkdtempSync(join(tmpdir(), 'muse-'));
    try {
      writeFileSync(join(folder, name), bytes);
      return use(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  howToGetAdapter:
    process.platform === 'linux'
      ? 'install the Vulkan driver of your GPU; without a GPU: apt-get install libvulkan1 mesa-vulkan-drivers (Mesa 24 or newer)'
      : 'install the driver of your GPU',
};

/** One Dawn instance per process. */
let foundGpu: Promise<Found<GPU>> | undefined;

function findGpu(): Promise<Found<GPU>> {
  foundGpu ??= loadGpu();
  return foundGpu;
}

async function loadGpu(): Promise<Found<GPU>> {
  const native = (globalThis as { navigator?: Partial<NavigatorGPU> }).navigator?.gpu;
  if (native) return { value: native }; // Deno, Bun
  try {
    // Named by a variable: an optional peer that neither the compiler nor a bundler may insist on.
    const name = 'webgpu';
    const dawn = (await import(name)) as { create(flags: string[]): GPU; globals: Record<string, unknown> };
    // tfjs reads GPUBufferUsage and friends from the global scope.
    for (const [key, value] of Object.entries(dawn.globals)) {
      if (!(key in globalThis)) Object.defineProperty(globalThis, key, { value, configurable: true, writable: true });
    }
    pollCalmly();
    // Without it Dawn's experiments, such as matrices of subgroups, are not offered.
    return { value: dawn.create(['enable-dawn-features=allow_unsafe_apis']) };
  } catch (error) {
    if (isNotInstalled(error))
      return { missing: 'the package webgpu is not installed', howToGet: 'npm install webgpu' };
    return { missing: `the package webgpu does not load: ${firstLine(error)}`, howToGet: 'npm install webgpu@latest' };
  }
}

/** `$MUSE_CACHE`, else `$XDG_CACHE_HOME/muse`, else `~/.cache/muse`. */
function cacheFolder(): string {
  const { MUSE_CACHE: muse, XDG_CACHE_HOME: xdg } = process.env;
  return muse || join(xdg || join(homedir(), '.cache'), 'muse');
}

function fileStore(path: string): TextStore {
  return {
    read: () => readFile(path, 'utf8'),
    async write(text) {
      await mkdir(dirname(path), { recursive: true });
      const partial = `${path}.${process.pid}.partial`;
      await writeFile(partial, text);
      await rename(partial, path);
    },
  };
}

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, job, thread } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
parentPort.postMessage('ready');
exports.help(job, thread);`;

async function startThread(work: ThreadWork): Promise<Thread> {
  // Without the flags of the process: --input-type=module would be one.
  const worker = new Worker(THREAD, { eval: true, execArgv: [], workerData: work });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  worker.unref(); // the process may end while it waits
  return {
    async stop() {
      await worker.terminate();
    },
  };
}

async function findTensorflow(): Promise<Found<TensorflowLibrary>> {
  // Read by libtensorflow once, as it loads: 2 leaves warnings out; oneDNN's kernels, which it has by default only on
  // processors with AVX-512, are faster with AVX2 alone too.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  restoreUtil();
  const active = tf.engine().backendName;
  let missing = 'the package @tensorflow/tfjs-node is not installed';
  for (const packageName of TENSORFLOW_PACKAGES) {
    try {
      await import(packageName); // makes itself the active backend
      const library = { packageName, ...describeBinding() };
      if (active && active !== 'tensorflow') await tf.setBackend(active);
      return { value: library };
    } catch (error) {
      const reason = firstLine(error);
      // tfjs-node says so by a long path in its own folder.
      if (/tfjs_binding\.node/.test(reason)) missing = `${packageName} has no libtensorflow yet`;
      else if (!isNotInstalled(error)) missing = `${packageName} does not load: ${reason}`;
    }
  }
  return { missing, howToGet: INSTALL_TENSORFLOW };
}

/** tfjs-node 4.22 calls two functions of `util` that Node 23 took away. */
function restoreUtil(): void {
  const util = require('node:util') as { isArray?: unknown; isNullOrUndefined?: unknown };
  util.isArray ??= Array.isArray;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}

function describeBinding(): Omit<TensorflowLibrary, 'packageName'> {
  const { binding, isUsingGpuDevice } = tf.findBackend('tensorflow') as unknown as {
    binding: { TF_Version: string };
    isUsingGpuDevice: boolean;
  };
  return { version: binding.TF_Version, isGpu: isUsingGpuDevice, numThreads: availableParallelism() };
}

function isNotInstalled(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_MODULE_NOT_FOUND';
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim();
}
