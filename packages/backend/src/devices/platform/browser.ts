/// <reference types="@webgpu/types" />
import { MAX_WASM_THREADS, type Platform, type TextStore, type Thread, type ThreadWork } from './platform.js';

/** Bundlers for browsers put this file in the place of `./node.js` (package.json, `browser`). */
export const platform: Platform = {
  async findGpu() {
    const gpu = (globalThis as { navigator?: Partial<NavigatorGPU> }).navigator?.gpu;
    if (gpu) return { value: gpu };
    return { missing: 'this browser has no WebGPU', howToGet: 'a current Chrome, Edge, Firefox or Safari, over https' };
  },
  async findTensorflow() {
    return { missing: 'libtensorflow runs in Node only' };
  },
  wasmFolder: () => undefined,
  async readWasmFile(location) {
    const response = await fetch(location, { credentials: 'same-origin' });
    if (!response.ok) throw new Error(`${location}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  numWasmThreads() {
    const { crossOriginIsolated, navigator } = globalThis as unknown as Scope;
    return crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_WASM_THREADS) : 1;
  },
  startThread,
  textStore: cacheStore,
  withFile() {
    throw new Error('expected Node, got a browser: it has no files');
  },
  howToGetAdapter: 'enable hardware acceleration in the browser settings',
};

/** In the page's cache of the name `muse`, which workers have too, under a URL that nobody asks for. */
function cacheStore(name: string): TextStore {
  const { caches, location } = globalThis as unknown as Scope;
  const url = () => new URL(`/?muse-text=${name}`, location.origin).href;
  return {
    read: async () => (await (await caches.open('muse')).match(url()))?.text(),
    write: async (text) => (await caches.open('muse')).put(url(), new Response(text)),
  };
}

/** What pages and their workers have. */
interface Scope {
  readonly crossOriginIsolated: boolean;
  readonly navigator: { readonly hardwareConcurrency: number };
  readonly location: { readonly origin: string };
  readonly caches: { open(name: string): Promise<PageCache> };
  readonly Worker: new (url: string) => PageWorker;
}

interface PageCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

interface PageWorker {
  onmessage: (event: unknown) => void;
  onerror: (event: { readonly message: string }) => void;
  postMessage(value: unknown): void;
  terminate(): void;
}

const THREAD = `
onmessage = ({ data: { module, memory, job, thread } }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  postMessage('ready');
  exports.help(job, thread);
};`;

async function startThread(work: ThreadWork): Promise<Thread> {
  const url = URL.createObjectURL(new Blob([THREAD], { type: 'text/javascript' }));
  const { Worker } = globalThis as unknown as Scope;
  const worker = new Worker(url);
  try {
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = ({ message }) => reject(new Error(`a thread did not start: ${message}`));
      worker.postMessage(work);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return { stop: async () => worker.terminate() };
}
