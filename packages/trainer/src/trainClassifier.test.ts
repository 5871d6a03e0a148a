import type { Backend } from '@muse/backend';
import type { Atlas } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { loadSceneClassifier } from '@muse/evaluation';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryRunFolder } from '../test/memoryRunFolder.js';
import { trainingBackend } from '../test/trainingBackend.js';
import { sceneDataset } from './data/sceneDataset.js';
import { openComponent, runFolderSource } from './exportComponent.js';
import { trainClassifier } from './trainClassifier.js';

let backend: Backend;
let atlas: Atlas;
beforeAll(async () => {
  backend = await trainingBackend();
  atlas = await loadAtlas();
});

const config = { stageChannels: [4, 6], blocksPerStage: [0, 1], normNumGroups: 2, hiddenSize: 11 };
const settings = { numSteps: 3, batchSize: 5, checkpointEvery: 2, warmupSteps: 0 };

describe('trainClassifier', () => {
  it('goes on to the bit, and exports a classifier that loads', async () => {
    const dataset = sceneDataset({ atlas, size: 50, seed: 3, imageSize: 16 });
    const straight = memoryRunFolder();
    await trainClassifier({ backend, run: straight, dataset, config, settings });
    const before = backend.tf.memory().numTensors;
    const run = memoryRunFolder();
    const kill = ({ step }: { step: number }) => {
      if (step === 3) throw new Error('killed');
    };
    await expect(trainClassifier({ backend, run, dataset, config, settings, onProgress: kill })).rejects.toThrow(
      'killed',
    );
    const { metrics } = await trainClassifier({ backend, run, dataset, config, settings });
    expect(backend.tf.memory().numTensors).toBe(before);
    expect(metrics).toMatchObject({ loss: expect.any(Number), accuracy: expect.any(Number) });
    const weights = 'model/classifier/model.safetensors';
    expect(run.files.get(weights)).toEqual(straight.files.get(weights));
    const classifier = await loadSceneClassifier(
      backend,
      await openComponent(runFolderSource(run, 'model'), 'classifier'),
    );
    expect(classifier.config).toMatchObject({ ...config, imageSize: 16 });
    classifier.dispose();
  });
});

describe('sceneDataset', () => {
  it('gives each index its own scene, the same each time, with captions by their seed', async () => {
    const dataset = sceneDataset({ atlas, size: 30, seed: 3, imageSize: 16 });
    const again = sceneDataset({ atlas, size: 30, seed: 3, imageSize: 16 });
    expect(dataset.scene(17)).toEqual(again.scene(17));
    expect(await dataset.image(17)).toEqual(await again.image(17));
    expect(dataset.scene(17)).not.toEqual(dataset.scene(18));
    expect(sceneDataset({ atlas, size: 30, seed: 4, imageSize: 16 }).scene(17)).not.toEqual(dataset.scene(17));
    expect(dataset.caption(17, 5)).toBe(again.caption(17, 5));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => dataset.caption(17, seed))).size).toBeGreaterThan(3);
  });

  it('has an id that tells it from any other', () => {
    const ids = [
      { seed: 3 },
      { seed: 4 },
      { seed: 3, split: 'heldOut' as const },
      { seed: 3, imageSize: 32 },
      { seed: 3, jitter: 1 },
      { seed: 3, kinds: { single: 1 } },
    ].map((change) => sceneDataset({ atlas, size: 30, ...change }).id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
