import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ConfigError, createBackend, WeightError } from '@muse/backend';
import { folderFiles, startHubServer } from '@muse/hub-server';
import { writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Muse } from './index.js';

let folder: string;
let resolveFrom: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-node-'));
  resolveFrom = pathToFileURL(join(folder, 'app/main.js')).href;
  const backend = await createBackend({ device: 'wasm' });
  for (const [name, model] of [
    ['@muse/inner', 'model'],
    ['outer', '.'],
  ] as const) {
    const path = join(folder, 'app/node_modules', name);
    await writeTinyModel(backend, join(path, model));
    await writeFile(join(path, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  }
  await mkdir(join(folder, 'app/node_modules/empty'));
  await writeFile(join(folder, 'app/node_modules/empty/package.json'), '{ "name": "empty" }');
});

afterAll(() => rm(folder, { recursive: true }));

const load = (source: string) => Muse.fromPretrained(source, { device: 'wasm', resolveFrom });

describe('fromPretrained under Node', () => {
  it('finds a model by absolute path, relative path and package name', async () => {
    const path = join(folder, 'app/node_modules/outer');
    for (const source of [path, relative(process.cwd(), path), '@muse/inner', 'outer']) {
      const muse = await load(source);
      expect(muse).toBeInstanceOf(Muse);
      expect(await muse.generate({ prompt: 'a cat', seed: 1, numSteps: 2 })).toHaveLength(1);
      await muse.dispose();
    }
  });

  it.each([
    ['@muse/absent', 'got neither: npm install @muse/absent, or give a path'],
    ['./absent', 'got ./absent: not there'],
    ['ftp://example.org/model', 'got ftp://example.org/model: not there'],
    ['', 'model_index.json'],
    ['empty', 'expected package empty to hold model/model_index.json, got none'],
  ])('says what it looked for: %j', async (source, message) => {
    await expect(load(source)).rejects.toThrow(WeightError);
    await expect(load(source)).rejects.toThrow(message);
  });

  it('refuses a model of the hub that is too large for wasm by the headers of its weights', async () => {
    const served = await folderFiles(fileURLToPath(new URL('../../../model-emoji/model', import.meta.url)));
    const index = JSON.parse(new TextDecoder().decode(served.get('model_index.json')));
    // As many pixels as leave WebAssembly no room for the weights.
    const large = new TextEncoder().encode(JSON.stringify({ ...index, superResImageSize: [1024, 1024] }));
    const hub = await startHubServer({ 'org/large': { files: new Map([...served, ['model_index.json', large]]) } });
    const refused = Muse.fromPretrained('org/large', {
      device: 'wasm',
      endpoint: hub.url,
      cacheDir: join(folder, 'hub'),
    });
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      /expected a model that takes at most 4\.29 GB on the device wasm, got one of 4\.\d\d GB .*1024 × 1024 pixels/,
    );
    const fetched = hub.requests.filter(({ isCdn }) => isCdn);
    expect(fetched.map(({ range }) => range)).toEqual(Array(5).fill('bytes=0-131071'));
    await hub.close();
  });

  it('says that a folder is no model', async () => {
    await expect(load(folder)).rejects.toThrow(
      `expected a model folder with model_index.json, got ${folder} without it`,
    );
  });
});
