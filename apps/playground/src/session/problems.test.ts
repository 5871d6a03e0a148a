import { fileURLToPath } from 'node:url';
import { UnsupportedBackendError } from '@muse/backend';
import { folderFiles, type HubServer, startHubServer } from '@muse/hub-server';
import {
  connectMuse,
  inspectModel,
  type ModelSource,
  serveMuse,
  type WorkerLike,
  type WorkerLoadOptions,
} from '@muse/muse/worker';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { isDeviceLoss, isWorkerLoss, problemOf } from './problems.ts';

const model = fileURLToPath(new URL('../../../../packages/model-emoji/model', import.meta.url));

let files: Map<string, Uint8Array<ArrayBuffer>>;
let hub: HubServer;
beforeAll(async () => {
  files = (await folderFiles(model)) as typeof files;
  hub = await startHubServer({ 'org/gated': { files: new Map(), isGated: true } });
});
afterAll(() => hub.close());

/** The page's end of a worker that is in this thread, and what its browser says when it ends. */
function workerInThread() {
  const { port1: page, port2: inside } = new MessageChannel();
  serveMuse({ addEventListener: (_, listener) => inside.addEventListener('message', listener as () => void) });
  inside.start();
  const errors: ((event: unknown) => void)[] = [];
  const worker: WorkerLike = {
    postMessage: (message, transfer) => page.postMessage(message, transfer),
    addEventListener: (_, listener) => errors.push(listener),
    terminate: () => page.close(),
  };
  return { worker, end: () => errors[0]?.({}) };
}

/** What a page is told, by the library itself, when that does not work. */
async function errorOf(action: () => unknown): Promise<Error> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, got none');
}

const load = (source: ModelSource, options: WorkerLoadOptions = {}) =>
  connectMuse(workerInThread().worker, source, { device: 'wasm', ...options });
const fromDisk = (changed: object = {}) => {
  const index = JSON.parse(new TextDecoder().decode(files.get('model_index.json')));
  const all = new Map(files).set(
    'model_index.json',
    new TextEncoder().encode(JSON.stringify({ ...index, ...changed })),
  );
  return { name: 'model', files: [...all].map(([path, bytes]) => ({ path, file: new Blob([bytes]) })) };
};

/** A module whose one function, `run`, reads the byte at 65536 of a memory of one page. */
const readsOutside = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7f], // () → i32
  ...[3, 2, 1, 0],
  ...[5, 3, 1, 0, 1], // one page
  ...[7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0], // run
  ...[10, 11, 1, 9, 0, 0x41, 0x80, 0x80, 4, 0x2d, 0, 0, 0x0b],
]);

it.each<[string, () => unknown]>([
  ['a buffer', () => new ArrayBuffer(Number.MAX_SAFE_INTEGER)],
  ['an array', () => new Float32Array(2 ** 50)],
  ['WebAssembly at its end', () => new WebAssembly.Memory({ initial: 1, maximum: 1 }).grow(1)],
  [
    'WebAssembly outside of it',
    async () => {
      const { instance } = await WebAssembly.instantiate(readsOutside);
      (instance.exports.run as () => number)();
    },
  ],
  ['a model that WebAssembly can’t hold', () => load(fromDisk({ superResImageSize: [1024, 1024] }))],
  // What takes a GPU's memory, or all of a process's, to happen: as emscripten and Chromium say it.
  ['emscripten', () => Promise.reject(new Error('Aborted(OOM). Build with -sASSERTIONS for more info.'))],
  ['WebGPU', () => Promise.reject(new Error('GPUDevice.createBuffer: Out of memory'))],
])('says of memory that is not there: %s', async (_, action) => {
  const { title, advice } = problemOf(await errorOf(action));
  expect(title).toBe('There is not enough memory.');
  expect(advice).toMatch(/smaller model/);
});

it.each<[title: string, advice: RegExp, action: () => unknown]>([
  ['The model could not be downloaded.', /connection/, () => load('http://127.0.0.1:9/model', { cache: false })],
  [
    'The model could not be downloaded.',
    /connection/,
    () => inspectModel(workerInThread().worker, 'http://127.0.0.1:9/model', { cache: false }),
  ],
  [
    'The hub shows no such model.',
    /org\/name/,
    () => load({ hub: 'org/nothing', endpoint: hub.url }, { cache: false }),
  ],
  [
    'The hub does not give out this model as it is asked.',
    /Accept its terms/,
    () => load({ hub: 'org/gated', endpoint: hub.url }, { cache: false }),
  ],
  ['These files are no model that can be used.', /folder/, () => load({ name: 'empty', files: [] })],
  [
    'This device can’t be had here.',
    /automatic/,
    async () => {
      // As of a browser that blocks the GPU.
      vi.stubGlobal('navigator', { gpu: { requestAdapter: async () => null } });
      const error = await errorOf(() => load(fromDisk(), { device: 'webgpu' }));
      vi.unstubAllGlobals();
      expect(error).toBeInstanceOf(UnsupportedBackendError);
      throw error;
    },
  ],
  [
    'That does not work as it is set.',
    /^Expected guidanceScale to be .* got -1\.$/,
    async () => {
      const muse = await load(fromDisk());
      const failed = muse.generate({ prompt: 'a cat', guidanceScale: -1 });
      await failed.finally(() => muse.dispose());
    },
  ],
  [
    'A part of the page could not be downloaded.',
    /connection/,
    () => {
      const { worker, end } = workerInThread();
      const muse = connectMuse(worker, fromDisk());
      end();
      return muse;
    },
  ],
  [
    'The computation stopped.',
    /start again/,
    async () => {
      const { worker, end } = workerInThread();
      const muse = await connectMuse(worker, fromDisk(), { device: 'wasm' });
      const image = muse.generate({ prompt: 'a cat' });
      end();
      const error = await errorOf(() => image);
      expect(isWorkerLoss(error)).toBe(true);
      throw error;
    },
  ],
  ['Something went wrong.', /still here/, () => Promise.reject(new Error('who knows'))],
])('%s', async (title, advice, action) => {
  const error = await errorOf(action);
  expect(problemOf(error)).toEqual({ title, advice: expect.stringMatching(advice), detail: error.message });
});

it('knows a GPU that is lost from one that failed', () => {
  expect(isDeviceLoss(new Error('[backend] webgpu: the GPU was lost: destroyed'))).toBe(true);
  expect(isDeviceLoss(new Error('A valid external Instance reference no longer exists.'))).toBe(true);
  expect(isDeviceLoss(new Error('GPUDevice.createBuffer: Out of memory'))).toBe(false);
});
