import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { type Fault, type HubServer, startHubServer } from '@muse/hub-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resolveFolder } from '../node/hub/resolveFolder.js';
import { readBytes } from '../readFile.js';
import { memoryCacheStore } from './cacheStore.js';
import { hubFolder } from './hubFolder.js';
import { PEEK_BYTES, peekFile } from './peekFile.js';

const weights = Uint8Array.from({ length: 3 * PEEK_BYTES + 1013 }, (_, i) => (i * 2654435761) >>> 11);
const config = new TextEncoder().encode('{ "hiddenSize": 3 }');
const files = new Map([
  ['config.json', config],
  ['model.safetensors', weights],
  ['model.fp16.safetensors', weights.slice(1)],
]);

let server: HubServer;
let root: string;
beforeAll(async () => {
  server = await startHubServer({ 'org/model': { files, token: 'hf_right' } });
});
afterAll(() => server.close());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'muse-peek-'));
  server.requests.length = 0;
  server.fault = () => undefined;
});
afterEach(() => rm(root, { recursive: true }));

const common = () => ({ endpoint: server.url, token: 'hf_right', retryDelayMs: 1, maxAttempts: 3 });
const openers = {
  'files on disk': (more: object = {}) => resolveFolder('org/model', { ...common(), cacheDir: root, ...more }),
  'a Cache store': (more: object = {}) => hubFolder('org/model', { ...common(), cache: memoryCacheStore(), ...more }),
};
const ofWeights = () => server.requests.filter(({ isCdn }) => isCdn);
/** toEqual would take seconds to compare them. */
const expectBytes = (bytes: Uint8Array, offset: number, length: number) =>
  expect(Buffer.compare(bytes, weights.slice(offset, offset + length))).toBe(0);

describe.each(Object.entries(openers))('a model of the hub that is kept in %s', (_, open) => {
  test('is looked into by parts, of which none is kept; small files are', async () => {
    const { headers } = await open();
    const source = await headers!.open('model.safetensors');
    expect(source.sizeBytes).toBe(weights.length);
    expectBytes(await source.read(0, 8), 0, 8);
    expectBytes(await source.read(1009, 5003), 1009, 5003);
    expect(ofWeights().map(({ range }) => range)).toEqual([`bytes=0-${PEEK_BYTES - 1}`]);
    const begin = PEEK_BYTES - 7;
    expectBytes(await source.read(begin, 101), begin, 101);
    expectBytes(await source.read(weights.length - 3, 3), weights.length - 3, 3);
    expect(ofWeights().map(({ range }) => range)).toEqual([
      `bytes=0-${PEEK_BYTES - 1}`,
      `bytes=${begin}-${begin + 100}`,
      `bytes=${weights.length - 3}-${weights.length - 1}`,
    ]);
    // The second host, which has the weights, is not the token's.
    expect(ofWeights().map(({ authorization }) => authorization)).toEqual([undefined, undefined, undefined]);
    await expect(source.read(weights.length - 3, 4)).rejects.toThrow(`got a file of ${weights.length} bytes`);
    await expect(headers!.open('absent.json')).rejects.toThrow('expected a file absent.json in org/model, got none');
    for (let times = 0; times < 2; times++) expect(await readBytes(headers!, 'config.json')).toEqual(config);
    expect(server.requests.filter(({ url }) => url.endsWith('/config.json'))).toHaveLength(1);
  });

  test('is read where it is kept once it was downloaded', async () => {
    const folder = await open();
    await readBytes(folder, 'model.safetensors');
    server.requests.length = 0;
    const source = await folder.headers!.open('model.safetensors');
    expectBytes(await source.read(11, 13), 11, 13);
    await source.close();
    expect(server.requests).toEqual([]);
  });

  test('gives the variant that was asked for', async () => {
    const { headers } = await open({ variant: 'fp16' });
    const source = await headers!.open('model.safetensors');
    expect(source.sizeBytes).toBe(weights.length - 1);
    expectBytes(await source.read(0, 5), 1, 5);
  });

  const passing: [string, Fault][] = [
    ['status 503', { kind: 'status', status: 503 }],
    ['a connection that is cut', { kind: 'cut', afterBytes: 4003 }],
    ['a body that ends early', { kind: 'short', bytes: 5003 }],
    ['a server without ranges', { kind: 'noRanges' }],
  ];
  test.each(passing)('survives %s', async (_name, fault) => {
    const { headers } = await open();
    let left = fault.kind === 'noRanges' ? 9 : 1;
    server.fault = ({ isCdn }) => (isCdn && left-- > 0 ? fault : undefined);
    const source = await headers!.open('model.safetensors');
    expectBytes(await source.read(1009, 5003), 1009, 5003);
    expectBytes(await source.read(2 * PEEK_BYTES, 97), 2 * PEEK_BYTES, 97);
  });

  test.each([
    ['status 403', { kind: 'status', status: 403 }, 'got 403 (forbidden)'],
    ['a range of other bytes', { kind: 'wrongRange' }, 'expected bytes from 0 on, got a Content-Range of "bytes 1-'],
    ['status 404', { kind: 'status', status: 404 }, 'expected a file model.safetensors in org/model, got none'],
    ['bodies that end early', { kind: 'short', bytes: 5003 }, 'got 5003 bytes and then the end'],
  ] satisfies [string, Fault, string][])('says what came in place of it: %s', async (_name, fault, message) => {
    const { headers } = await open();
    server.fault = ({ isCdn }) => (isCdn ? fault : undefined);
    const failed = headers!.open('model.safetensors');
    await expect(failed).rejects.toThrow(WeightError);
    await expect(failed).rejects.toThrow(message);
  });

  test('stops with the signal’s reason', async () => {
    const controller = new AbortController();
    const { headers } = await open({ signal: controller.signal });
    server.fault = ({ isCdn }) => (isCdn ? { kind: 'stall', afterBytes: 100 } : undefined);
    const failed = headers!.open('model.safetensors');
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(failed).rejects.toThrow('enough');
  });
});

test('offline there is nothing to look into but what is kept', async () => {
  await openers['files on disk']();
  const folder = await openers['files on disk']({ offline: true });
  expect(folder.headers).toBeUndefined();
  await expect(folder.open('model.safetensors')).rejects.toThrow('in the cache, got none');
});

test('nothing of a file that was looked into lies in the cache', async () => {
  const { headers } = await openers['files on disk']();
  await headers!.open('model.safetensors');
  expect(await readdir(join(root, 'models--org--model', 'blobs'))).toEqual([]);
});

describe('a folder of any web server', () => {
  let plain: Server;
  let base: string;
  let sentBytes = 0;
  beforeAll(async () => {
    plain = createServer(({ url, headers }, response) => {
      if (url === '/model/chunked.json') {
        response.write('{');
        response.end('}');
        return;
      }
      if (url !== '/model/model.safetensors') {
        response.writeHead(404).end();
        return;
      }
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')!.map(Number);
      const body = weights.slice(first, last! + 1);
      response.writeHead(206, { 'Content-Range': `bytes ${first}-${first! + body.length - 1}/${weights.length}` });
      response.end(body);
      sentBytes += body.length;
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/model`;
  });
  afterAll(() => new Promise((resolve) => plain.close(resolve)));

  test('is looked into by parts too', async () => {
    const { headers } = await resolveFolder(base, { cacheDir: root });
    const source = await headers!.open('model.safetensors');
    expectBytes(await source.read(1009, 5003), 1009, 5003);
    expect(sentBytes).toBe(1 + PEEK_BYTES);
    expect(await readBytes(headers!, 'chunked.json')).toEqual(new TextEncoder().encode('{}'));
    await expect(headers!.open('absent.json')).rejects.toThrow('expected a file absent.json');
  });

  test('tells the size of a file by its first part', async () => {
    const source = await peekFile(`${base}/model.safetensors`);
    expect(source!.sizeBytes).toBe(weights.length);
    expectBytes(await source!.read(2 * PEEK_BYTES, 97), 2 * PEEK_BYTES, 97);
    expect(await peekFile(`${base}/absent.json`)).toBeUndefined();
    const chunked = await peekFile(`${base}/chunked.json`);
    expect(chunked!.sizeBytes).toBe(2);
  });
});
