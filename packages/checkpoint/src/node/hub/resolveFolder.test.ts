import { mkdir, readdir, readFile, readlink, realpath, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WeightError } from '@muse/backend';
import { type HubServer, startHubServer } from '@muse/hub-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { emptyHubHome } from '../../../test/emptyHubHome.js';
import { readBytes } from '../../readFile.js';
import { removeCached, verifyCache } from './changeCache.js';
import { downloadModel } from './downloadModel.js';
import { hubEnvironment } from './environment.js';
import { listCache } from './listCache.js';
import { resolveFolder } from './resolveFolder.js';

const text = (content: string) => new TextEncoder().encode(content);
const weights = Uint8Array.from({ length: 50_021 }, (_, i) => i % 241);
const files = new Map([
  ['model_index.json', text('{ "components": { "vqgan": "VQGAN" } }')],
  ['README.md', text('# A model')],
  ['vqgan/config.json', text('{}')],
  ['vqgan/model.safetensors', weights],
  ['vqgan/model.fp16.safetensors', weights.slice(0, 20_011)],
  ['vqgan/pytorch_model.bin', text('never asked for')],
  ['unet/model.safetensors', text('no component')],
]);

let server: HubServer;
beforeAll(async () => {
  server = await startHubServer({ 'org/model': { files, refs: ['v1', 'refs/pr/1'] } }, 2);
});
afterAll(() => server.close());
beforeEach(() => {
  server.requests.length = 0;
});
const home = emptyHubHome(() => server);

const model = (...path: string[]) => join(home(), 'hub', 'models--org--model', ...path);

describe('a model of the hub', () => {
  test("lies in huggingface_hub's layout", async () => {
    const folder = await resolveFolder('org/model', { revision: 'refs/pr/1' });
    await readBytes(folder, 'vqgan/model.safetensors');
    const commit = server.commitOf('org/model');
    expect(await readFile(model('refs', 'refs', 'pr', '1'), 'utf8')).toBe(commit);
    const link = await readlink(model('snapshots', commit, 'vqgan', 'model.safetensors'));
    expect(link).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect((await readdir(model('blobs'))).map((name) => name.length)).toEqual([64]);
    const tree = JSON.parse(await readFile(model('trees', `${commit}.json`), 'utf8'));
    expect(tree.format_version).toBe(1);
    expect(tree.files['vqgan/model.safetensors']).toEqual({
      size: weights.length,
      blob_id: expect.stringMatching(/^[0-9a-f]{40}$/),
      lfs_sha256: link.slice(-64),
      lfs_size: weights.length,
    });
  });

  test('needs no network again by its commit, nor offline', async () => {
    const read = async (options: Parameters<typeof resolveFolder>[1]) =>
      readBytes(await resolveFolder('org/model', options), 'vqgan/config.json');
    await read({});
    server.requests.length = 0;
    await read({ revision: server.commitOf('org/model') });
    await read({ offline: true });
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await read({});
    expect(server.requests).toEqual([]);
    const folder = await resolveFolder('org/model');
    await expect(folder.open('README.md')).rejects.toThrow('expected README.md of org/model in the cache, got none');
    await expect(resolveFolder('org/other')).rejects.toThrow(
      'expected org/other in the cache, as offline is asked for',
    );
  });

  test('is taken from the cache when the hub does not answer, and says so', async () => {
    await readBytes(await resolveFolder('org/model'), 'vqgan/config.json');
    const events: unknown[] = [];
    const options = { endpoint: 'http://127.0.0.1:9', onProgress: (event: unknown) => events.push(event) };
    expect(await readBytes(await resolveFolder('org/model', options), 'vqgan/config.json')).toEqual(text('{}'));
    expect(events).toEqual([expect.objectContaining({ status: 'offline', name: 'org/model' })]);
  });

  test('of a variant gives its weights, and none where there are none', async () => {
    const folder = await resolveFolder('org/model', { variant: 'fp16' });
    expect((await readBytes(folder, 'vqgan/model.safetensors')).length).toBe(20_011);
    expect(await folder.has('unet/model.safetensors')).toBe(false);
  });

  test.each([
    ['no/such-model', 'there is no such model'],
    ['org/model/deeper', 'got org/model/deeper: not there'],
    ['org/../model', 'not there'],
    ['no-such-package', 'npm install no-such-package'],
  ])('%s is told', async (source, message) => {
    const failed = resolveFolder(source);
    await expect(failed).rejects.toThrow(WeightError);
    await expect(failed).rejects.toThrow(message);
  });

  test('of no such revision is told; a revision is no path', async () => {
    await expect(resolveFolder('org/model', { revision: 'v9' })).rejects.toThrow('got no revision v9 of it (404)');
    await expect(resolveFolder('org/model', { revision: '../v1' })).rejects.toThrow(
      'expected a branch, a tag or a commit',
    );
  });

  test('by the address of its page is the same', async () => {
    const folder = await resolveFolder(`${server.url}/org/model/tree/v1`);
    expect(folder.location).toBe('org/model@v1');
  });
});

describe('downloadModel', () => {
  test('brings the components’ files, one set of weights, no pickles', async () => {
    const { files: got, path } = await downloadModel('org/model');
    expect(got.map((file) => file.path)).toEqual(['model_index.json', 'vqgan/config.json', 'vqgan/model.safetensors']);
    expect(await realpath(join(path, 'vqgan/config.json'))).toContain(model('blobs'));
    const half = await downloadModel('org/model', { variant: 'fp16' });
    expect(half.files.map((file) => file.path)).toContain('vqgan/model.fp16.safetensors');
    await expect(downloadModel('org/model', { variant: 'int4' })).rejects.toThrow('expected weights of variant int4');
  });

  test('by two at once brings each file once', async () => {
    await Promise.all([downloadModel('org/model'), downloadModel('org/model')]);
    expect(server.requests.filter(({ url }) => url.endsWith('/vqgan/model.safetensors'))).toHaveLength(1);
  });
});

describe('the cache', () => {
  const cacheDir = () => join(home(), 'hub');

  test('is listed, verified and repaired', async () => {
    expect(await listCache(cacheDir())).toEqual([]);
    await downloadModel('org/model');
    const [only, ...others] = await listCache(cacheDir());
    expect(others).toEqual([]);
    expect(only).toMatchObject({ id: 'org/model', unfinishedBytes: 0 });
    expect(only!.revisions.map(({ refs, files: { length } }) => ({ refs, length }))).toEqual([
      { refs: ['main'], length: 3 },
    ]);
    expect(await verifyCache(cacheDir())).toMatchObject({ numFiles: 3, broken: [] });

    // One byte of the weights is another; of the configuration one is missing.
    const blob = only!.revisions[0]!.files.find(({ path }) => path === 'vqgan/model.safetensors')!.blob;
    await writeFile(
      blob,
      weights.map((byte, i) => (i === 40_009 ? byte ^ 4 : byte)),
    );
    await truncate(only!.revisions[0]!.files[1]!.blob, 1);
    const { broken } = await verifyCache(cacheDir(), { id: 'org/model', remove: true });
    expect(broken.map(({ path, problem }) => [path, problem.slice(0, 16)])).toEqual([
      ['vqgan/config.json', 'expected 2 bytes'],
      ['vqgan/model.safetensors', 'expected SHA-256'],
    ]);
    await downloadModel('org/model');
    expect((await verifyCache(cacheDir())).broken).toEqual([]);
  });

  test('gives back a model, or a revision without what others need', async () => {
    await downloadModel('org/model');
    // A second revision that shares the weights and has a file of its own.
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const blob = (await listCache(cacheDir()))[0]!.revisions[0]!.files[2]!.blob;
    await mkdir(model('snapshots', commit));
    await writeFile(model('snapshots', commit, 'own.json'), '{}\n');
    await symlink(join('..', '..', 'blobs', blob.slice(-64)), model('snapshots', commit, 'model.safetensors'));
    expect(await removeCached(cacheDir(), 'org/model', '01234567')).toBe(3);
    expect((await verifyCache(cacheDir())).broken).toEqual([]);
    await expect(removeCached(cacheDir(), 'org/model', 'v9')).rejects.toThrow('expected one of the revisions');
    expect(await removeCached(cacheDir(), 'org/model')).toBeGreaterThan(weights.length);
    expect(await listCache(cacheDir())).toEqual([]);
    await expect(removeCached(cacheDir(), '../hub')).rejects.toThrow('expected a model in');
  });
});

describe('a folder of any web server', () => {
  let plain: Server;
  let base: string;
  let content = text('{ "version": 1 }');
  let numServed = 0;
  beforeAll(async () => {
    // Knows no ranges, no ETag and, for one file, no length.
    plain = createServer((request, response) => {
      numServed += 1;
      if (request.url === '/my%20model/config.json') response.end(content);
      else if (request.url === '/my%20model/chunked.json') {
        response.write('{');
        response.end('}');
      } else response.writeHead(request.url === '/my%20model/broken.json' ? 403 : 404).end();
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/my%20model`;
  });
  afterAll(() => new Promise((resolve) => plain.close(resolve)));

  test('is read and kept; what has changed is fetched again', async () => {
    const folder = await resolveFolder(base);
    expect(await readBytes(folder, 'config.json')).toEqual(content);
    expect(await readBytes(folder, 'chunked.json')).toEqual(text('{}'));
    expect(await folder.has('absent.json')).toBe(false);
    await expect(folder.open('absent.json')).rejects.toThrow('expected a file absent.json');
    await expect(folder.has('broken.json')).rejects.toThrow('got 403 (forbidden)');
    const before = numServed;
    expect(await readBytes(await resolveFolder(base), 'config.json')).toEqual(content);
    expect(numServed).toBe(before + 1);
    content = text('{ "version": 23 }');
    expect(await readBytes(await resolveFolder(base), 'config.json')).toEqual(content);
  });

  test.each(['http://', 'https://example.org/a?b=1'])('%s is none', async (url) => {
    await expect(resolveFolder(url)).rejects.toThrow('expected the URL of a folder');
  });
});

describe('the environment', () => {
  test('is read as huggingface_hub reads it', () => {
    expect(hubEnvironment({ HF_HOME: '/h' })).toEqual({
      cacheDir: '/h/hub',
      assetsDir: '/h/assets',
      token: undefined,
      endpoint: 'https://huggingface.co',
      offline: false,
    });
    expect(hubEnvironment({ XDG_CACHE_HOME: '/x' }).cacheDir).toBe('/x/huggingface/hub');
    expect(hubEnvironment({ HF_HOME: '$A/$B', A: '/a', B: 'b' }).cacheDir).toBe('/a/b/hub');
    expect(hubEnvironment({ HF_HOME: '/h', HF_HUB_CACHE: '/c' }).cacheDir).toBe('/c');
    expect(hubEnvironment({ HF_HOME: '/h', HF_TOKEN: ' hf_x\n' }).token).toBe('hf_x');
    expect(
      hubEnvironment({ HF_HOME: '/h', HF_TOKEN: 'hf_x', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token,
    ).toBeUndefined();
    for (const [value, offline] of [
      ['1', true],
      ['true', true],
      ['0', false],
      ['', false],
    ] as const) {
      expect(hubEnvironment({ HF_HOME: '/h', HF_HUB_OFFLINE: value }).offline).toBe(offline);
    }
  });

  test('gives the token that a login left', async () => {
    await writeFile(join(home(), 'token'), 'hf_login\n');
    expect(hubEnvironment({ HF_HOME: home() }).token).toBe('hf_login');
  });
});
