import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { checkLayers } from '../../../scripts/checkLayers.mjs';

const folders: string[] = [];
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-layers-'));
  folders.push(folder);
});
afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true }))));

type Files = Record<string, string>;

/** A repository with these files; dependencies by short names. */
async function breaches(dependencies: Record<string, string[]>, files: Files = {}, dev: Record<string, string[]> = {}) {
  const all: Files = { ...files };
  for (const path of new Set([...Object.keys(dependencies), ...Object.keys(dev)])) {
    const versions = (names: string[] = []) =>
      Object.fromEntries(names.map((name) => [`@muse/${name}`, 'workspace:^']));
    all[`${path}/package.json`] = JSON.stringify({
      name: `@muse/${path.split('/')[1]}`,
      dependencies: versions(dependencies[path]),
      devDependencies: versions(dev[path]),
    });
  }
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return checkLayers(folder);
}

test('imports that go downwards and are declared are fine, in every form', async () => {
  const found = await breaches(
    { 'packages/backend': [], 'packages/checkpoint': ['backend'], 'packages/vqgan': ['backend', 'checkpoint'] },
    {
      'packages/vqgan/src/index.ts': [
        "import { a } from '@muse/backend';",
        "export { b } from '@muse/checkpoint';",
        "import type { C } from '@muse/checkpoint/node';",
        "import './other.js';",
        "const d = await import('@muse/backend');",
        "// import '@muse/muse';",
      ].join('\n'),
      'packages/vqgan/vitest.config.ts': "import { museVitest } from '../../vitest.shared.ts';",
    },
  );
  expect(found).toEqual([]);
});

describe('a breach is', () => {
  test('a dependency upwards, in devDependencies too', async () => {
    expect(
      await breaches(
        { 'packages/backend': ['checkpoint'], 'packages/checkpoint': [] },
        {},
        { 'packages/checkpoint': ['muse'], 'packages/muse': [] },
      ),
    ).toEqual([
      'packages/backend/package.json: dependencies has @muse/checkpoint: is in a higher layer',
      'packages/checkpoint/package.json: devDependencies has @muse/muse: is in a higher layer',
    ]);
  });

  test('a model package that imports another, in a test too', async () => {
    expect(
      await breaches(
        { 'packages/vqgan': [], 'packages/sampler': ['vqgan'] },
        { 'packages/sampler/src/a.test.ts': "const { b } = await import('@muse/vqgan');" },
      ),
    ).toEqual([
      'packages/sampler/package.json: dependencies has @muse/vqgan: is in the same layer',
      'packages/sampler/src/a.test.ts: imports @muse/vqgan: is in the same layer',
    ]);
  });

  test('emoji-scenes on anything but the backend', async () => {
    expect(
      await breaches({
        'packages/emoji-scenes': ['backend', 'checkpoint'],
        'packages/backend': [],
        'packages/checkpoint': [],
      }),
    ).toEqual(['packages/emoji-scenes/package.json: dependencies has @muse/checkpoint: may only use backend']);
  });

  test('an import that is not declared, or only for tests', async () => {
    expect(
      await breaches(
        { 'packages/backend': [], 'packages/vqgan': [] },
        {
          'packages/vqgan/src/a.ts': "import '@muse/backend';",
          'packages/vqgan/src/a.test.ts': "import '@muse/backend';",
        },
        { 'packages/vqgan': ['backend'] },
      ),
    ).toEqual(['packages/vqgan/src/a.ts: imports @muse/backend: is not declared in package.json']);
  });

  test('a relative path into another package, or out of its own', async () => {
    const found = await breaches(
      { 'packages/backend': [], 'packages/vqgan': ['backend'] },
      {
        'packages/vqgan/src/a.ts': "import '../../backend/src/index.js'; import '../../../scripts/x.mjs';",
        'packages/vqgan/src/a.test.ts': "import '../../backend/src/index.js'; import '../../../scripts/x.mjs';",
      },
    );
    expect(found).toHaveLength(3);
    for (const breach of found) expect(breach).toContain('a relative path out of the package');
  });

  test('the insides of tfjs', async () => {
    expect(
      await breaches(
        { 'packages/backend': [] },
        {
          'packages/backend/src/a.ts':
            "import x from '@tensorflow/tfjs-core/dist/engine'; import '@tensorflow/tfjs-core';",
        },
      ),
    ).toEqual(['packages/backend/src/a.ts: imports @tensorflow/tfjs-core/dist/engine: the insides of tfjs']);
  });

  test('a Node module outside src/node', async () => {
    const source = "import { join } from 'node:path';";
    expect(
      await breaches(
        { 'packages/backend': [], 'packages/checkpoint': [], 'apps/cli': [] },
        {
          'packages/backend/src/devices/a.ts': source,
          'packages/checkpoint/src/node/a.ts': source,
          'packages/checkpoint/src/a.test.ts': source,
          'packages/checkpoint/src/a.ts': source,
          'apps/cli/src/a.ts': source,
        },
      ),
    ).toEqual(['packages/checkpoint/src/a.ts: imports node:path: Node’s modules belong in src/node']);
  });

  test('a private workspace in what is published', async () => {
    expect(
      await breaches(
        { 'packages/vqgan': ['test-utils'], 'internal/test-utils': ['vqgan'] },
        { 'packages/vqgan/src/a.ts': "import '@muse/test-utils';" },
      ),
    ).toEqual([
      'packages/vqgan/package.json: dependencies has @muse/test-utils, which is never published',
      'packages/vqgan/src/a.ts: imports @muse/test-utils: is never published',
    ]);
  });

  test('a package without a layer, an import of no workspace or of the package itself', async () => {
    expect(
      await breaches(
        { 'packages/novel': [], 'packages/backend': [] },
        { 'packages/backend/src/a.ts': "import '@muse/absent'; import '@muse/backend';" },
      ),
    ).toEqual([
      'packages/backend/src/a.ts: imports @muse/absent: no such workspace',
      'packages/backend/src/a.ts: imports @muse/backend: the package itself; import the file',
      'packages/novel: has no layer; give novel one in scripts/checkLayers.mjs',
    ]);
  });
});
