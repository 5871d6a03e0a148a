import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderFiles, type HubServer, startHubServer } from '@muse/hub-server';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeWorkplace, type RunOptions, runMuse, type Workplace } from './runMuse.js';

let work: Workplace;
let server: HubServer;
let env: Record<string, string>;
beforeAll(async () => {
  work = await makeWorkplace();
  const files = await folderFiles(work.model);
  const halves = new Map(files);
  for (const [path, bytes] of files) {
    if (path.endsWith('.safetensors')) halves.set(path.replace(/safetensors$/, 'fp16.safetensors'), bytes);
  }
  server = await startHubServer({ 'muse/tiny': { files }, 'muse/half': { files: halves } });
  env = { HF_ENDPOINT: server.url, HF_HOME: join(work.folder, 'home') };
});
afterAll(async () => {
  await server.close();
  await work.remove();
});
beforeEach(async () => {
  server.fault = () => undefined;
  await rm(join(work.folder, 'home'), { recursive: true, force: true });
});

const run = (args: string[], options: Partial<RunOptions> = {}) =>
  runMuse(args, { cwd: work.folder, ...options, env: { ...env, ...options.env } });

describe('a model of the hub', () => {
  it('paints what the folder that it was made of paints, then without a network too', async () => {
    const args = ['generate', 'a cat', '--seed', '3', '--device', 'wasm', '--force', '--model'];
    expect((await run([...args, work.model, '--output', 'folder.png'])).code).toBe(0);
    const fromHub = await run([...args, 'muse/tiny', '--output', 'hub.png']);
    expect(fromHub.code, fromHub.stderr).toBe(0);
    const offline = await run([...args, 'muse/tiny', '--offline', '--output', 'offline.png']);
    expect(offline.code, offline.stderr).toBe(0);
    const { decodePng } = await import('@muse/muse');
    const pixels = async (name: string) => decodePng(await readFile(join(work.folder, name)));
    expect(await pixels('hub.png')).toEqual(await pixels('folder.png'));
    expect(await pixels('offline.png')).toEqual(await pixels('folder.png'));
  });

  it('is named by commit and variant in the image, and --from takes those again', async () => {
    const { readPngText } = await import('@muse/muse');
    const record = async (name: string) => JSON.parse(readPngText(await readFile(join(work.folder, name))).muse!);
    const own = ['--model', 'muse/half', '--variant', 'fp16', '--device', 'wasm', '--steps', '1'];
    const made = await run(['generate', 'a cat', '--seed', '3', ...own, '--output', 'named.png', '--json']);
    expect(made.code, made.stderr).toBe(0);
    const source = { model: 'muse/half', revision: server.commitOf('muse/half'), variant: 'fp16' };
    expect(await record('named.png')).toMatchObject(source);
    expect(JSON.parse(made.stdout)).toMatchObject(source);
    // Branches may have moved on: it is the commit that is asked for.
    await rm(join(work.folder, 'home'), { recursive: true });
    server.requests.length = 0;
    const again = await run(['generate', '--from', 'named.png', '--output', 'again.png']);
    expect(again.code, again.stderr).toBe(0);
    const asked = server.requests.filter(({ isCdn }) => !isCdn).map(({ url }) => url);
    expect(asked.filter((url) => !url.includes(source.revision))).toEqual([]);
    expect(asked.some((url) => url.endsWith('/model.fp16.safetensors'))).toBe(true);
    expect(await readFile(join(work.folder, 'again.png'))).toEqual(await readFile(join(work.folder, 'named.png')));
    const other = [
      'generate',
      '--from',
      'named.png',
      '--model',
      work.model,
      '--device',
      'wasm',
      '--output',
      'other.png',
    ];
    expect((await run(other)).code).toBe(0);
    const { revision, variant } = await record('other.png');
    expect({ revision, variant }).toEqual({ revision: undefined, variant: undefined });
  });

  it('is looked up once, by commands that take a part alone too', async () => {
    const { encodePng } = await import('@muse/muse');
    const image = { width: 4, height: 6, data: new Uint8ClampedArray(96).fill(99) };
    await writeFile(join(work.folder, 'small.png'), encodePng(image));
    for (const args of [
      ['encode-text', 'a cat', '--output', 'once.safetensors'],
      ['encode-image', 'small.png', '--output', 'once.json'],
    ]) {
      server.requests.length = 0;
      const { code, stderr } = await run([...args, '--model', 'muse/tiny', '--device', 'wasm']);
      expect(code, stderr).toBe(0);
      expect(server.requests.filter(({ url }) => url.includes('/tree/'))).toHaveLength(1);
    }
    // An image's tokens are of the VQGAN, and nothing else of the model is fetched for them.
    await rm(join(work.folder, 'home'), { recursive: true });
    server.requests.length = 0;
    await run(['encode-image', 'small.png', '--model', 'muse/tiny', '--device', 'wasm']);
    const weights = server.requests.map(({ url }) => /\/(\w+)\/model\.safetensors/.exec(url)?.[1]);
    expect(weights.filter((name) => name !== undefined)).toEqual(['vqgan']);
  });

  it('that is too large for wasm is refused with its size before its weights are downloaded', async () => {
    const model = await folderFiles(fileURLToPath(new URL('../../../packages/model-emoji/model', import.meta.url)));
    const index = JSON.parse(new TextDecoder().decode(model.get('model_index.json')));
    const pixels = new TextEncoder().encode(JSON.stringify({ ...index, superResImageSize: [1024, 1024] }));
    const large = await startHubServer({ 'muse/large': { files: new Map([...model, ['model_index.json', pixels]]) } });
    const args = ['generate', 'a cat', '--model', 'muse/large', '--device', 'wasm'];
    const { code, stdout, stderr } = await run(args, { env: { HF_ENDPOINT: large.url } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n').at(-1)).toMatch(
      /^muse: .*expected a model that takes at most 4\.29 GB on the device wasm, got one of 4\.\d\d GB/,
    );
    const fetched = large.requests.filter(({ isCdn }) => isCdn);
    expect(fetched.map(({ range }) => range)).toEqual(Array(5).fill('bytes=0-131071'));
    await large.close();
  });

  it('is downloaded, listed, verified and removed', async () => {
    const { code, stdout, stderr } = await run(['download', 'muse/tiny']);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^muse\/tiny {2}[0-9a-f]{8} {2}8 files, [\d.]+ kB {2}.*snapshots/);
    expect((await run(['cache', 'list'])).stdout).toMatch(/^muse\/tiny +[0-9a-f]{8} main +8 +[\d.]+ kB +\d{4}-/m);
    expect((await run(['cache', 'verify'])).stdout).toMatch(/^8 files, [\d.]+ kB: all right\n$/);
    expect((await run(['cache', 'remove', 'muse/tiny'])).stdout).toMatch(/^removed muse\/tiny, [\d.]+ kB\n$/);
    expect((await run(['cache', 'list'])).stdout).toMatch(/^no models in /);
  });

  it.each([
    [['generate', 'a cat', '--model', 'muse/absent'], 'there is no such model'],
    [['generate', 'a cat', '--model', 'muse/tiny', '--offline'], 'expected muse/tiny in the cache'],
    [['download', 'muse/tiny', '--revision', 'v9'], 'got no revision v9 of it (404)'],
    [['download', 'muse/tiny', '--offline'], '--offline: a download needs the network'],
    [['cache', 'remove', 'muse/absent'], 'got no muse/absent there'],
  ])('%j says what is wrong in one line', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n').at(-1)).toMatch(/^muse: /);
  });

  it('that does not fit on the disk leaves no file under its name', async () => {
    // A limit on file sizes makes write(2) fail, as a full disk does; in blocks of 512 or 1024 bytes.
    const wrapper = ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh'];
    const { code, stderr } = await run(['download', 'muse/tiny'], { wrapper });
    expect(code).toBe(2);
    expect(stderr).toMatch(/expected to keep .*, \d+ bytes, in .*, got a file larger than allowed \(EFBIG\)/);
    const { stdout } = await run(['cache', 'verify']);
    expect(stdout).toMatch(/: all right\n$/);
    expect((await run(['download', 'muse/tiny'])).code).toBe(0);
  });
});

describe('muse convert', () => {
  it('writes a model in shards of f32, and back to the same bytes', async () => {
    const wide = await run(['convert', work.model, 'wide', '--dtype', 'f32', '--max-shard-size', '20kB']);
    expect(wide.code, wide.stderr).toBe(0);
    expect(wide.stdout).toMatch(/^wide {2}\d+ files, [\d.]+ kB of weights\n$/);
    expect((await run(['convert', 'wide', 'back', '--dtype', 'f16'])).code).toBe(0);
    for (const path of ['vqgan/model.safetensors', 'text_encoder/tokenizer.json', 'model_index.json']) {
      expect(await readFile(join(work.folder, 'back', path))).toEqual(await readFile(join(work.model, path)));
    }
    const again = await run(['convert', 'wide', 'back']);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/is there already: --force overwrites it\n$/);
  });
});
