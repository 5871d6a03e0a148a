import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, createBackend } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveSceneClassifierConfig } from '../classifier/config.js';
import { headNames } from '../classifier/heads.js';
import { measureClassifier } from '../classifier/measureClassifier.js';
import { sceneClassifierParameters } from '../classifier/parameters.js';
import { SceneClassifier } from '../classifier/sceneClassifier.js';
import type { Proportion } from '../proportion.js';
import { loadBundledClassifier, loadClassifierFolder, saveSceneClassifier } from './index.js';

let backend: Backend;
let folder: string;
beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  folder = await mkdtemp(join(tmpdir(), 'muse-classifier-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await backend.dispose();
});

const config = resolveSceneClassifierConfig({ stageChannels: [8, 16], blocksPerStage: [0, 1], hiddenSize: 5 });

describe('a saved classifier', () => {
  test.each([
    ['F32', 0],
    ['F16', 2 ** -11],
  ] as const)('comes back at %s', async (dtype, tolerance) => {
    const saved = new SceneClassifier(backend, config, initParameters(backend, sceneClassifierParameters(config), 7));
    const path = join(folder, dtype);
    await saveSceneClassifier(path, saved, { dtype, metadata: { seed: '7' } });
    const loaded = await loadClassifierFolder(backend, path);
    expect(loaded.config).toEqual(config);
    for (const [name, tensor] of saved.parameters) {
      const [before, after] = [await tensor.data(), await loaded.parameters.get(name)!.data()];
      for (let i = 0; i < before.length; i++) {
        expect(Math.abs(after[i]! - before[i]!)).toBeLessThanOrEqual(tolerance * Math.abs(before[i]!) + 2 ** -25);
      }
    }
    saved.dispose();
    loaded.dispose();
  });

  test('of other scenes is refused', async () => {
    const path = join(folder, 'F32');
    const other = { ...config, headSizes: { ...config.headSizes, style: 4 } };
    await writeFile(join(path, 'config.json'), JSON.stringify(other));
    await expect(loadClassifierFolder(backend, path)).rejects.toThrow('expected 3 classes of style');
  });

  test('that is not there is named', async () => {
    await expect(loadClassifierFolder(backend, join(folder, 'nowhere'))).rejects.toThrow('nowhere');
  });
});

// The features judge nothing, so less is asked of their heads.
describe.each([
  ['classifier', 0.97],
  ['features', 0.95],
] as const)('the bundled %s', (name, least) => {
  const file = (path: string) => new URL(`../../model/${name}/${path}`, import.meta.url);

  test(`reads at least ${100 * least} % of held-out renders right, in every head`, async () => {
    const classifier = await loadBundledClassifier(backend, name);
    // Other scenes than those of metrics.json.
    const shares = await measureClassifier({ classifier, atlas: await loadAtlas(), count: 400, seed: 1 });
    for (const head of headNames) expect(shares[head].share, head).toBeGreaterThanOrEqual(least);
    classifier.dispose();
  });

  test('is that of its metrics, which are as good', async () => {
    const metrics = JSON.parse(await readFile(file('metrics.json'), 'utf8')) as {
      sha256: string;
      heldOut: Record<string, Proportion>;
    };
    const weights = await readFile(file('model.safetensors'));
    expect(createHash('sha256').update(weights).digest('hex')).toBe(metrics.sha256);
    for (const head of headNames) {
      expect(metrics.heldOut[head]!.share, head).toBeGreaterThanOrEqual(least);
      expect(metrics.heldOut[head]!.n, head).toBeGreaterThan(500);
    }
  });
});

test('the two bundled networks are not the same', async () => {
  const [classifier, features] = await Promise.all(
    (['classifier', 'features'] as const).map((name) => loadBundledClassifier(backend, name)),
  );
  const first = async ({ parameters }: SceneClassifier) => (await parameters.get('stages.0.conv.weight')!.data())[0];
  expect(await first(classifier!)).not.toBe(await first(features!));
  classifier!.dispose();
  features!.dispose();
});
