import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { type Fault, type HubServer, type SeenRequest, startHubServer } from '@muse/hub-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FolderSource } from '../byteSource.js';
import { resolveFolder } from '../node/hub/resolveFolder.js';
import { readBytes } from '../readFile.js';
import { memoryCacheStore } from './cacheStore.js';
import { hubFolder } from './hubFolder.js';
import type { HubProgress } from './progress.js';

// Eight chunks of 10 007 bytes, the last shorter.
const chunkBytes = 10_007;
const weights = Uint8Array.from({ length: 7 * chunkBytes + 1013 }, (_, i) => (i * 2654435761) >>> 11);
const config = new TextEncoder().encode('{ "hiddenSize": 3 }');
const files = new Map([
  ['config.json', config],
  ['model.safetensors', weights],
  ['empty.txt', new Uint8Array()],
]);

let server: HubServer;
let root: string;
let progress: HubProgress[];
beforeAll(async () => {
  server = await startHubServer({
    'org/model': { files },
    'org/private': { files, token: 'hf_right' },
    'org/gated': { files, isGated: true },
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'muse-hub-'));
  progress = [];
  server.requests.length = 0;
});
afterEach(async () => {
  server.fault = () => undefined;
  await rm(root, { recursive: true });
});

interface Settings {
  readonly id?: string;
  readonly token?: string;
  readonly signal?: AbortSignal;
  readonly stallMs?: number;
}

/** Silence is to be short where it is tested. */
const patience = ({ kind }: Fault): Settings => (kind === 'stall' ? { stallMs: 1000 } : {});

/** Both caches: files on disk in Python's layout, and a store as a browser has it. */
const caches = {
  'files on disk': async ({ id = 'org/model', ...settings }: Settings = {}): Promise<FolderSource> =>
    resolveFolder(id, { ...common(), token: 'hf_none', cacheDir: root, ...settings }),
  'a Cache store': async ({ id = 'org/model', ...settings }: Settings = {}): Promise<FolderSource> =>
    hubFolder(id, { ...common(), cache: store, ...settings }),
};
let store = memoryCacheStore();
beforeEach(() => {
  store = memoryCacheStore();
});

const common = () => ({
  endpoint: server.url,
  chunkBytes,
  retryDelayMs: 1,
  // Others may be using this machine.
  stallMs: 20_000,
  maxAttempts: 3,
  onProgress: (event: HubProgress) => progress.push(event),
});

/** toEqual would take seconds to compare them. */
const expectWeights = (bytes: Uint8Array) => expect(Buffer.compare(bytes, weights)).toBe(0);

const isData = ({ isCdn }: SeenRequest) => isCdn;
/** A fault for the first `count` requests that match. */
function failFirst(count: number, matches: (request: SeenRequest) => boolean, fault: Fault): void {
  let left = count;
  server.fault = (request) => (matches(request) && left-- > 0 ? fault : undefined);
}
const always = (fault: Fault) => failFirst(Number.POSITIVE_INFINITY, isData, fault);
const numRetries = () => progress.filter(({ status }) => status === 'retry').length;

describe.each(Object.entries(caches))('a download into %s', (_, open) => {
  const read = async (settings?: Settings) => readBytes(await open(settings), 'model.safetensors');

  test('brings the file in parallel ranges, follows the redirect without the token, and is done once', async () => {
    expectWeights(await read({ id: 'org/private', token: 'hf_right' }));
    const data = server.requests.filter(isData);
    expect(data).toHaveLength(8);
    expect(new Set(data.map(({ range }) => range)).has(`bytes=${7 * chunkBytes}-${weights.length - 1}`)).toBe(true);
    expect(data.map(({ authorization }) => authorization)).toEqual(new Array(8).fill(undefined));
    const asked = server.requests.filter((request) => !isData(request));
    expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_right']));
    const last = progress.findLast((event) => event.status === 'fetch');
    expect(last).toMatchObject({
      file: 'model.safetensors',
      loaded: weights.length,
      total: weights.length,
      progress: 100,
    });

    server.requests.length = 0;
    expectWeights(await read({ id: 'org/private', token: 'hf_right' }));
    expect(server.requests.filter(({ url }) => !url.startsWith('/api/'))).toEqual([]);
  });

  test('brings small files and empty ones', async () => {
    const folder = await open();
    expect(await readBytes(folder, 'config.json')).toEqual(config);
    expect(await readBytes(folder, 'empty.txt')).toEqual(new Uint8Array());
    expect([await folder.has('config.json'), await folder.has('absent.json')]).toEqual([true, false]);
    await expect(folder.open('absent.json')).rejects.toThrow('expected a file absent.json in org/model, got none');
  });

  test('serves two readers of a file at once with one download', async () => {
    const folder = await open();
    const both = await Promise.all([readBytes(folder, 'config.json'), readBytes(folder, 'config.json')]);
    expect(both).toEqual([config, config]);
    expect(server.requests.filter(({ url }) => url.endsWith('/config.json'))).toHaveLength(1);
  });

  // Ten kinds of fault that pass.
  const passing: [string, number, Fault][] = [
    ['status 500', 1, { kind: 'status', status: 500 }],
    ['status 502', 1, { kind: 'status', status: 502 }],
    [
      'status 503 with a date',
      1,
      { kind: 'status', status: 503, headers: { 'Retry-After': new Date(0).toUTCString() } },
    ],
    ['status 408', 1, { kind: 'status', status: 408 }],
    ['a connection cut at once', 1, { kind: 'cut', afterBytes: 0 }],
    ['a connection cut in the middle', 3, { kind: 'cut', afterBytes: 4003 }],
    ['a body that ends early', 2, { kind: 'short', bytes: 5003 }],
    ['a connection that falls silent', 1, { kind: 'stall', afterBytes: 2003 }],
    ['a corrupted body', 1, { kind: 'corrupt' }],
    ['a server without ranges', Number.POSITIVE_INFINITY, { kind: 'noRanges' }],
  ];
  test.each(passing)('survives %s', async (_name, count, fault) => {
    failFirst(count, isData, fault);
    expectWeights(await read(patience(fault)));
    if (fault.kind !== 'noRanges') expect(numRetries()).toBeGreaterThan(0);
  });

  test('goes on inside of a range where a cut connection stopped', async () => {
    failFirst(1, ({ isCdn, range }) => isCdn && range === `bytes=0-${chunkBytes - 1}`, {
      kind: 'cut',
      afterBytes: 4003,
    });
    expectWeights(await read());
    const again = server.requests.filter(isData).map(({ range }) => /^bytes=(\d+)-(\d+)$/.exec(range!)!);
    const firsts = again.filter(([, , last]) => Number(last) === chunkBytes - 1).map(([, first]) => Number(first));
    expect(firsts).toEqual([0, 4003]);
  });

  test('waits as long as a 429 asks', async () => {
    failFirst(1, isData, { kind: 'status', status: 429, headers: { 'Retry-After': '1' } });
    const startMs = performance.now();
    expectWeights(await read());
    expect(performance.now() - startMs).toBeGreaterThan(990);
    expect(progress).toContainEqual(expect.objectContaining({ status: 'retry', delayMs: 1000 }));
  });

  // What does not pass says why.
  const lasting: [string, Fault, string, number][] = [
    ['status 500', { kind: 'status', status: 500 }, 'expected an answer, got 500 (server error) for http', 3],
    ['status 404', { kind: 'status', status: 404 }, 'expected an answer, got 404 (not found) for http', 1],
    ['status 403', { kind: 'status', status: 403 }, 'got 403 (forbidden)', 1],
    [
      'a 429 that asks for an hour',
      { kind: 'status', status: 429, headers: { 'Retry-After': '3600' } },
      'got 429 (too many requests) for http://127.0.0.1',
      1,
    ],
    ['status 416', { kind: 'status', status: 416 }, `to have ${weights.length} bytes, got another size`, 1],
    ['a range of other bytes', { kind: 'wrongRange' }, 'got a Content-Range of "bytes ', 1],
    ['connections that are cut', { kind: 'cut', afterBytes: 0 }, 'got a cut connection', 3],
    ['silence', { kind: 'stall', afterBytes: 0 }, 'nothing for 1 s', 3],
    ['corrupted bodies', { kind: 'corrupt' }, 'expected model.safetensors with SHA-256 ', 2],
  ];
  test.each(lasting)(
    'ends for %s with one error, and nothing is taken for the file',
    async (_name, fault, message, most) => {
      always(fault);
      const failed = read(patience(fault));
      await expect(failed).rejects.toThrow(WeightError);
      await expect(failed).rejects.toThrow(message);
      await expect(failed).rejects.not.toThrow(/Signature|secret/);
      const counts = new Map<string, number>();
      for (const { range } of server.requests.filter(isData)) counts.set(range!, (counts.get(range!) ?? 0) + 1);
      expect(Math.max(...counts.values())).toBeLessThanOrEqual(most);
      server.fault = () => undefined;
      expectWeights(await read());
    },
  );

  test('that was interrupted fetches only what is missing', async () => {
    // Three chunks come through; then all is silence.
    let numThrough = 0;
    server.fault = (request) => (isData(request) && numThrough++ >= 3 ? { kind: 'status', status: 404 } : undefined);
    await expect(read()).rejects.toThrow('404');
    server.fault = () => undefined;
    server.requests.length = 0;
    progress.length = 0;
    expectWeights(await read());
    expect(server.requests.filter(isData)).toHaveLength(5);
    const first = progress.find((event) => event.status === 'fetch');
    expect(first).toMatchObject({ loaded: 3 * chunkBytes });
  });

  test('whose earlier chunks were spoiled starts again, and is right', async () => {
    failFirst(1, isData, { kind: 'corrupt' });
    let numThrough = 0;
    const corruptFirst = server.fault;
    server.fault = (request) => {
      if (!isData(request)) return undefined;
      return numThrough++ >= 3 ? { kind: 'status', status: 404 } : corruptFirst(request);
    };
    await expect(read()).rejects.toThrow('404');
    server.fault = () => undefined;
    expectWeights(await read());
    expect(progress).toContainEqual(
      expect.objectContaining({ status: 'retry', reason: expect.stringContaining('SHA-256') }),
    );
  });

  test('stops when it is aborted, with the signal’s reason', async () => {
    always({ kind: 'stall', afterBytes: 100 });
    const controller = new AbortController();
    const failed = read({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(failed).rejects.toThrow('enough');
  });

  const denied: [string, Settings, string][] = [
    ['no such model', { id: 'org/absent', token: 'hf_any' }, 'expected a model of http://127.0.0.1'],
    ['no token for a private one', { id: 'org/private', token: undefined }, 'got 401 (not authorised)'],
    ['a wrong token', { id: 'org/private', token: 'hf_wrong' }, 'the token is not accepted'],
    ['terms nobody has accepted', { id: 'org/gated' }, 'got 403 (forbidden)'],
  ];
  test.each(denied)('is refused for %s', async (_name, settings, message) => {
    const failed = open(settings);
    await expect(failed).rejects.toThrow(WeightError);
    await expect(failed).rejects.toThrow(message);
  });
});

test('nothing of a download is left under the name of a file', async () => {
  server.fault = (request) => (isData(request) ? { kind: 'status', status: 404 } : undefined);
  const folder = await caches['files on disk']();
  await expect(readBytes(folder, 'model.safetensors')).rejects.toThrow('404');
  expect(await readdir(join(root, 'models--org--model', 'blobs'))).toEqual([]);
  expect(await readdir(join(root, '.locks', 'models--org--model'))).toEqual([]);
});
