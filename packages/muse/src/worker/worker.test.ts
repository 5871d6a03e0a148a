import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ConfigError, createBackend, ImageError, MuseError, WeightError } from '@muse/backend';
import { type CacheStore, memoryCacheStore } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { folderFiles, startHubServer } from '@muse/hub-server';
import { writeTinyCascade, writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RgbaImage } from '../image.js';
import { Muse } from '../muse.js';
import type { GenerationStep } from '../options.js';
import { connectMuse, inspectModel, serveMuse, type WorkerLike } from './index.js';
import type { Port } from './protocol.js';

/** A worker's two ends over a real channel, so that everything is cloned; the same thread, so that the tests see it. */
function workerInThread() {
  const { port1: page, port2: inside } = new MessageChannel();
  serveMuse({
    addEventListener: (_, listener) => {
      (inside as unknown as Port).onmessage = listener as Port['onmessage'];
    },
  });
  const errors: ((event: unknown) => void)[] = [];
  const worker: WorkerLike = {
    postMessage: (message, transfer) => page.postMessage(message, transfer),
    addEventListener: (_, listener) => errors.push(listener),
    terminate: () => page.close(),
  };
  const crash = (message?: string) => {
    for (const tell of errors) tell({ message });
  };
  return { worker, close: () => page.close(), crash };
}

let folder: string;
const files = async (path: string) => {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    paths.map(async (file) => ({ path: relative(path, file), file: new Blob([await readFile(file)]) })),
  );
};
const source = async (name: string) => ({ name, files: await files(join(folder, name)) });
const thread = workerInThread();
const { worker } = thread;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-worker-'));
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyModel(backend, join(folder, 'tiny'));
  await writeTinyCascade(backend, join(folder, 'cascade'));
});
afterAll(async () => {
  thread.close();
  await rm(folder, { recursive: true });
});

const load = async (name = 'tiny') => connectMuse(worker, await source(name), { device: 'wasm' });
const prompt = 'a red cat';

describe('a pipeline in a worker', () => {
  it('gives the images of one that is not', async () => {
    const muse = await Muse.fromPretrained(nodeFolder(join(folder, 'tiny')), { device: 'wasm' });
    const remote = await load();
    const options = { prompt, seed: 7, count: 2 };
    const [here, there] = [await muse.generate(options), await remote.generate(options)];
    expect(there).toEqual(here);
    const image = here[0]!;
    const mask = { width: 16, height: 16, data: new Uint8Array(256).fill(1, 0, 128) };
    expect(await remote.inpaint({ image, mask, prompt, seed: 1 })).toEqual(
      await muse.inpaint({ image, mask, prompt, seed: 1 }),
    );
    expect(await remote.outpaint({ image, prompt, seed: 1, left: 5 })).toMatchObject({ width: 21, height: 16 });
    expect(await remote.edit({ image, prompt, seed: 1, numSteps: 3 })).toMatchObject({ width: 16, seed: 1 });
    expect(await remote.variations({ image, strength: 0.5, seed: 1, count: 2 })).toHaveLength(2);
    const tokens = await remote.encodeImage(image);
    expect(tokens).toEqual(await muse.encodeImage(image));
    expect(await remote.decodeTokens(tokens.tokenIds)).toEqual(await muse.decodeTokens(tokens.tokenIds));
    await muse.dispose();
    await remote.dispose();
  });

  it('says model, device and progress', async () => {
    const statuses = new Set<string>();
    const remote = await connectMuse(worker, await source('cascade'), {
      device: 'wasm',
      onProgress: ({ status }) => statuses.add(status),
    });
    expect(remote.facts).toMatchObject({ device: 'wasm', isGpu: false, hasSuperRes: true, grid: [8, 8] });
    expect(remote.facts.index.name).toBe('tiny-cascade');
    expect([...statuses]).toEqual(['initiate', 'download', 'progress', 'done', 'device', 'ready']);
    expect((await remote.memory()).tensorBytes).toBeGreaterThan(10_000);
    await remote.dispose();
  });

  it('waits at each step for the page, which may ask for its pixels', async () => {
    const remote = await load('cascade');
    const steps: GenerationStep[] = [];
    const previews: RgbaImage[] = [];
    let isBusy = false;
    const [image] = await remote.generate({
      prompt,
      seed: 3,
      onStep: async (step) => {
        expect(isBusy).toBe(false);
        isBusy = true;
        steps.push(step);
        previews.push(...(await Promise.all([step.preview(), step.preview()])));
        isBusy = false;
      },
    });
    expect(steps.map(({ stage }) => stage)).toEqual([...Array(5).fill('base'), ...Array(3).fill('super-res')]);
    expect(previews).toHaveLength(16);
    expect(previews.at(-1)!.data).toEqual(image!.data);
    expect(previews[0]!.width).toBe(16);
    await remote.dispose();
  });

  it('hands over images one by one', async () => {
    const remote = await load();
    const seeds: number[] = [];
    await remote.generate({ prompt, seed: 5, count: 3, onImage: ({ seed }) => void seeds.push(seed) });
    expect(seeds).toEqual([5, 6, 7]);
    await remote.dispose();
  });

  it('stops by the signal, and what the page’s callback throws ends the call', async () => {
    const remote = await load();
    const controller = new AbortController();
    let numSteps = 0;
    const stopped = remote.generate({
      prompt,
      count: 50,
      signal: controller.signal,
      onStep: () => {
        if (++numSteps === 2) controller.abort();
      },
    });
    expect(await stopped.catch((error) => error)).toBe(controller.signal.reason);
    expect(numSteps).toBe(2);
    await expect(remote.generate({ prompt, signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    const thrown = new RangeError('mine');
    const onStep = () => {
      throw thrown;
    };
    await expect(remote.generate({ prompt, count: 50, onStep })).rejects.toBe(thrown);
    expect(await remote.generate({ prompt, seed: 1 })).toHaveLength(1);
    await remote.dispose();
  });

  it('rejects with errors of the same class and words', async () => {
    const remote = await load();
    const wrong = remote.generate({ prompt, guidanceScale: -1 });
    await expect(wrong).rejects.toThrow(ConfigError);
    await expect(wrong).rejects.toThrow(
      '[muse] generate: expected guidanceScale to be a finite number of at least 0, got -1',
    );
    const image = { width: 16, height: 16, data: new Uint8ClampedArray(3) };
    await expect(remote.variations({ image, strength: 1 })).rejects.toThrow(ImageError);
    await remote.dispose();
    await expect(remote.generate({ prompt })).rejects.toThrow('expected a model that is loaded, got none');
    await expect(connectMuse(worker, { name: 'nothing', files: [] })).rejects.toThrow(WeightError);
  });

  it('rejects all that is under way when the worker dies', async () => {
    const { worker, crash, close } = workerInThread();
    const remote = await connectMuse(worker, await source('tiny'), { device: 'wasm' });
    const lost = remote.generate({ prompt });
    crash('out of memory');
    await expect(lost).rejects.toThrow(MuseError);
    await expect(lost).rejects.toThrow('out of memory');
    await expect(remote.generate({ prompt })).rejects.toThrow('out of memory');
    close();
  });

  it('tells a worker that ended from one that never began', async () => {
    const { worker, crash, close } = workerInThread();
    const absent = connectMuse(worker, { name: 'nothing', files: [] });
    crash();
    await expect(absent).rejects.toThrow('expected a worker that runs, got: its script did not load');
    const remote = await connectMuse(worker, await source('tiny'), { device: 'wasm' });
    const lost = remote.generate({ prompt });
    crash();
    await expect(lost).rejects.toThrow('it ended, most likely for want of memory');
    close();
  });

  it('tells attention to the prompt: what there is of text, nothing of padding', async () => {
    const remote = await load();
    const tokenIds = new Int32Array(64).fill(13);
    const { weights, shape, pieces } = await remote.attention({ prompt, tokenIds });
    expect(pieces).toEqual(['▁a', '▁red', '▁cat', '</s>']);
    expect(shape[0]).toBe(64);
    for (let row = 0; row < 64; row++) {
      const line = [...weights.subarray(row * shape[1], (row + 1) * shape[1])];
      expect(line.slice(0, 4).reduce((sum, x) => sum + x)).toBeCloseTo(1, 5);
      expect(line.slice(4).every((x) => x === 0)).toBe(true);
    }
    expect((await remote.memory()).numTensors).toBeGreaterThan(0);
    await remote.attention({ prompt, tokenIds });
    const before = await remote.memory();
    await remote.attention({ prompt, tokenIds });
    expect(await remote.memory()).toEqual(before);
    await remote.dispose();
  });
});

describe('files of a URL', () => {
  const withServer = async (answer: (path: string) => Promise<Response>) => {
    const fetched: string[] = [];
    vi.stubGlobal('fetch', async (url: string, { headers = {} }: { headers?: object } = {}) => {
      // What is only looked into, before anything is loaded, is a part of a file.
      if (!('Range' in headers)) fetched.push(url.replace('http://models/tiny/', ''));
      return answer(url.replace('http://models/', ''));
    });
    const kept = new Map<string, Response>();
    const cache = {
      match: async (url: string) => kept.get(url)?.clone(),
      put: async (url: string, response: Response) => void kept.set(url, response),
    };
    vi.stubGlobal('caches', { open: async () => cache });
    return { fetched, kept };
  };
  const serve = async (path: string) => {
    const bytes = await readFile(join(folder, path)).catch(() => undefined);
    return bytes ? new Response(bytes) : new Response(null, { status: 404 });
  };

  it('are fetched once, then come from the cache', async () => {
    const { fetched, kept } = await withServer(serve);
    const first = await connectMuse(worker, 'http://models/tiny/', { device: 'wasm' });
    const once = fetched.length;
    expect(new Set(fetched).size).toBe(once);
    expect(kept.size).toBe(fetched.length);
    const report = await inspectModel(worker, 'http://models/tiny');
    expect(fetched).toHaveLength(once);
    expect(report).toMatchObject({ name: 'tiny', components: [{ name: 'vqgan', className: 'VQGAN' }, {}, {}] });
    expect(report.components[0]!.sizeBytes).toBe(2 * report.components[0]!.numParameters);
    const numWeights = report.components.reduce((sum, { numParameters }) => sum + numParameters, 0);
    expect(report.wasmBytes).toBe(4 * numWeights + 16 * 16 * 4096);
    await first.dispose();
    vi.unstubAllGlobals();
  });

  it('are fetched whole once too where nothing is kept, and not at all if they are too large', async () => {
    const { fetched, kept } = await withServer(serve);
    const remote = await connectMuse(worker, 'http://models/tiny', { device: 'wasm', cache: false });
    const weights = () => fetched.filter((path) => path.endsWith('.safetensors')).sort();
    const names = ['text_encoder', 'transformer', 'vqgan'].map((name) => `${name}/model.safetensors`);
    expect(weights()).toEqual(names);
    expect(kept.size).toBe(0);
    await remote.dispose();
    // 2³⁰ codes: the header says so, and no byte of them is needed to refuse the model.
    const header = JSON.stringify({ codes: { dtype: 'F16', shape: [2 ** 30], data_offsets: [0, 2 ** 31] } });
    const bytes = new Uint8Array(128 * 1024);
    new DataView(bytes.buffer).setUint32(0, header.length, true);
    bytes.set(new TextEncoder().encode(header), 8);
    const range = `bytes 0-${bytes.length - 1}/${8 + header.length + 2 ** 31}`;
    const large = await withServer(async (path) =>
      path.endsWith('vqgan/model.safetensors')
        ? new Response(bytes, { status: 206, headers: { 'Content-Range': range } })
        : serve(path),
    );
    const refused = connectMuse(worker, 'http://models/tiny', { device: 'wasm' });
    await expect(refused).rejects.toThrow(/expected a model that takes at most 4\.29 GB on the device wasm/);
    expect(large.fetched.filter((path) => path.endsWith('.safetensors'))).toEqual([]);
    vi.unstubAllGlobals();
  });

  it('that are not here yet are not taken for ones that do not exist, without a network', async () => {
    let network: 'breaks off' | 'works' | 'is gone' = 'breaks off';
    // The transformer's weights go by the second of the usual names.
    const first = 'transformer/model.safetensors';
    await withServer(async (path) => {
      const isFirst = path.endsWith(first);
      if (network === 'is gone' || (network === 'breaks off' && isFirst)) throw new TypeError('Failed to fetch');
      return isFirst ? new Response(null, { status: 404 }) : serve(path.replace('diffusion_pytorch_', ''));
    });
    const load = () => connectMuse(worker, 'http://models/tiny', { device: 'wasm' });
    await expect(load()).rejects.toThrow(`${first}: expected an answer of models, got Failed to fetch`);
    network = 'works';
    const remote = await load();
    const [image] = await remote.generate({ prompt, seed: 1 });
    await remote.dispose();
    network = 'is gone';
    const again = await load();
    expect(await again.generate({ prompt, seed: 1 })).toEqual([image]);
    expect((await inspectModel(worker, 'http://models/tiny')).name).toBe('tiny');
    await again.dispose();
    vi.unstubAllGlobals();
  });

  it.each([
    ['with byte ranges', true, 1e6],
    // What is on its way when the answer is given up: buffers of the system.
    ['without', false, 20e6],
  ])('are looked into before they are fetched: by a server %s', async (_, knowsRanges, most) => {
    const model = fileURLToPath(new URL('../../../model-emoji/model', import.meta.url));
    let sentBytes = 0;
    const server = createServer((request, response) => {
      const file = join(model, request.url!);
      const sizeBytes = existsSync(file) ? statSync(file).size : 0;
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      if (sizeBytes === 0) response.writeHead(404).end();
      else {
        const range = knowsRanges && { start: Number(first), end: Math.min(Number(last), sizeBytes - 1) };
        if (range) response.setHeader('Content-Range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
        else response.setHeader('Content-Length', sizeBytes);
        response.writeHead(range ? 206 : 200);
        const stream = createReadStream(file, range || {}).on('data', ({ length }) => {
          sentBytes += length;
        });
        pipeline(stream, response, () => {});
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const peeked = await inspectModel(worker, `http://127.0.0.1:${port}/`, { cache: false });
    expect(peeked).toEqual(await inspectModel(worker, { name: 'emoji', files: await files(model) }));
    const sizeBytes = peeked.components.reduce((sum, component) => sum + component.sizeBytes, 0);
    expect(sizeBytes).toBeGreaterThan(40e6);
    expect(sentBytes).toBeLessThan(most);
    server.closeAllConnections();
    server.close();
  });

  it('that can’t be had are told by URL and reason', async () => {
    await withServer(async () => Promise.reject(new TypeError('Failed to fetch')));
    const load = () => connectMuse(worker, 'http://models/tiny', { device: 'wasm' });
    await expect(load()).rejects.toThrow('tiny/model_index.json, got no answer (Failed to fetch): are you offline?');
    await withServer(async () => new Response(null, { status: 503 }));
    await expect(load()).rejects.toThrow('model_index.json, got 503');
    await withServer(async () => new Response(null, { status: 404 }));
    await expect(load()).rejects.toThrow(WeightError);
    vi.unstubAllGlobals();
  });
});

describe('files of a hub', () => {
  it('lie in the cache that is named, and in none where none is wanted', async () => {
    const hub = await startHubServer({ 'org/tiny': { files: await folderFiles(join(folder, 'tiny')) } });
    const opened = new Map<string, CacheStore>();
    vi.stubGlobal('caches', {
      open: async (name: string) => {
        const store = opened.get(name) ?? memoryCacheStore();
        opened.set(name, store);
        return store;
      },
    });
    const model = { hub: 'org/tiny', endpoint: `${hub.url}/` };
    const weightsAsked = (since: number) => hub.requests.slice(since).filter(({ isCdn }) => isCdn).length;
    const askedBy = async (cache: string | false | undefined) => {
      const since = hub.requests.length;
      const remote = await connectMuse(worker, model, { device: 'wasm', cache });
      await remote.dispose();
      return weightsAsked(since);
    };
    const once = await askedBy('mine');
    expect(once).toBeGreaterThan(2);
    expect(await askedBy('mine')).toBe(0);
    const since = hub.requests.length;
    expect(await inspectModel(worker, model, { cache: 'mine' })).toMatchObject({ name: 'tiny' });
    expect(weightsAsked(since)).toBe(0);
    expect([...opened.keys()]).toEqual(['mine']);
    expect(await askedBy(false)).toBe(once);
    expect(await askedBy(false)).toBe(once);
    expect([...opened.keys()]).toEqual(['mine']);
    expect(await askedBy(undefined)).toBe(once);
    expect([...opened.keys()]).toEqual(['mine', 'muse']);
    vi.unstubAllGlobals();
    await hub.close();
  });

  it('are not downloaded if they are too large: their headers are enough to refuse the model', async () => {
    const served = await folderFiles(fileURLToPath(new URL('../../../model-emoji/model', import.meta.url)));
    const index = JSON.parse(new TextDecoder().decode(served.get('model_index.json')));
    // As many pixels as leave WebAssembly no room for the weights.
    const large = new TextEncoder().encode(JSON.stringify({ ...index, superResImageSize: [1024, 1024] }));
    const hub = await startHubServer({ 'org/large': { files: new Map([...served, ['model_index.json', large]]) } });
    const model = { hub: 'org/large', endpoint: hub.url };
    const refused = connectMuse(worker, model, { device: 'wasm', cache: false });
    await expect(refused).rejects.toThrow(
      /expected a model that takes at most 4\.29 GB on the device wasm, got one of 4\.\d\d GB/,
    );
    const fetched = hub.requests.filter(({ isCdn }) => isCdn);
    expect(fetched.map(({ range }) => range)).toEqual(Array(5).fill('bytes=0-131071'));
    // The lookup of the revision serves both: what it says of the files is asked for once.
    expect(hub.requests.filter(({ url }) => url.includes('/tree/'))).toHaveLength(1);
    await hub.close();
  });
});
