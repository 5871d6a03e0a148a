import { type Backend, ConfigError } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { Muse } from '@muse/muse';
import { VQGAN, vqganParameters, vqganPresets } from '@muse/vqgan';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MemoryRunFolder, memoryRunFolder } from '../test/memoryRunFolder.js';
import { stripes } from '../test/stripes.js';
import { trainingBackend } from '../test/trainingBackend.js';
import { runFolderSource } from './exportComponent.js';
import type { BaseSettings } from './presets.js';
import { type BaseTrainingOptions, trainBase } from './trainBase.js';

let backend: Backend;
let vqgan: VQGAN;
beforeAll(async () => {
  backend = await trainingBackend();
  vqgan = new VQGAN(backend, vqganPresets.tiny, initParameters(backend, vqganParameters(vqganPresets.tiny), 5));
});
afterAll(() => vqgan.dispose());

const settings: Partial<BaseSettings> = {
  numSteps: 6,
  batchSize: 3,
  warmupSteps: 0,
  learningRate: 1e-3,
  checkpointEvery: 3,
  previewEvery: 0,
};

const train = (run: MemoryRunFolder, change: Partial<BaseTrainingOptions> = {}) =>
  trainBase({
    backend,
    run,
    vqgan,
    dataset: stripes(16, 20),
    words: ['upright', 'lying', 'stripes', 'bars'],
    config: 'tiny',
    textConfig: 'tiny',
    ...change,
    settings: { ...settings, ...change.settings },
  });

const checkpoint = (run: MemoryRunFolder, step: string) =>
  Object.fromEntries([...run.files].filter(([path]) => path.startsWith(`checkpoints/step-${step}/`)));

describe('trainBase', () => {
  it('leaves the same bytes after an abort and a resume as without', async () => {
    const straight = memoryRunFolder();
    await train(straight);

    const run = memoryRunFolder();
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => step === 2 && controller.abort();
    const aborted = await train(run, { signal: controller.signal, onProgress });
    expect(aborted).toMatchObject({ status: 'aborted', step: 2 });
    expect(run.files.has('model/model_index.json')).toBe(false);
    await train(run);
    expect(checkpoint(run, '000006')).toEqual(checkpoint(straight, '000006'));
    expect(run.files.get('model/transformer/model.safetensors')).toEqual(
      straight.files.get('model/transformer/model.safetensors'),
    );
  });

  it('encodes the images once, and again only for another dataset', async () => {
    const run = memoryRunFolder();
    let loads = 0;
    const dataset = stripes(16, 20, () => loads++);
    await train(run, { dataset, settings: { numSteps: 1 } });
    expect(loads).toBe(20);
    await train(run, { dataset, settings: { numSteps: 2 } });
    expect(loads).toBe(20);
    await train(run, { dataset: stripes(16, 21, () => loads++), settings: { numSteps: 3 } });
    expect(loads).toBe(41);
  });

  it('leaks no tensor, and reports accuracy on masked tokens and on held-out images', async () => {
    await train(memoryRunFolder());
    const before = backend.tf.memory().numTensors;
    const run = memoryRunFolder();
    const options = {
      heldOutDataset: stripes(16, 7),
      previewPrompts: ['upright bars', 'two'],
      settings: { accumulationSteps: 2, previewEvery: 6 },
    };
    const { metrics } = await train(run, options);
    expect(backend.tf.memory().numTensors).toBe(before);
    expect(metrics).toMatchObject({
      loss: expect.any(Number),
      accuracy: expect.any(Number),
      gradientNorm: expect.any(Number),
    });
    expect(run.files.has('previews/samples-000006.png')).toBe(true);
    const text = new TextDecoder().decode(run.files.get('metrics.jsonl'));
    expect(text).toMatch(/"heldOutLoss":\d/);
    expect(text).toMatch(/"heldOutAccuracy":\d/);
  });

  it('exports a model that the pipeline loads and draws with', async () => {
    const run = memoryRunFolder();
    await train(run, {
      card: { name: 'stripes', license: 'CC0-1.0' },
      settings: { offlineEmaDecay: 0.7, keepEvery: 3 },
    });
    const muse = await Muse.fromPretrained(runFolderSource(run, 'model'), { backend });
    expect(muse.index).toMatchObject({ name: 'stripes', license: 'CC0-1.0', imageSize: [16, 16] });
    const [image] = await muse.generate({ prompt: 'lying stripes', seed: 1, numSteps: 2 });
    expect(image).toMatchObject({ width: 16, height: 16 });
    await muse.dispose();
  });

  it('learns one batch by heart', async () => {
    const change = { numSteps: 70, learningRate: 2e-2, weightDecay: 0, checkpointEvery: 70 };
    const config = {
      latentSize: 8,
      hiddenSize: 32,
      numLayers: 2,
      numHeads: 2,
      mlpDim: 64,
      labelSmoothing: 0,
      condDropProb: 0,
    };
    const { metrics } = await train(memoryRunFolder(), { overfitOneBatch: true, config, settings: change });
    // Chance is 1/13 and log 13 = 2.56.
    expect(metrics.accuracy).toBeGreaterThan(0.6);
    expect(metrics.loss).toBeLessThan(1.2);
  });

  it('refuses images that are not of the tokenizer', async () => {
    await expect(train(memoryRunFolder(), { dataset: stripes(8, 5) })).rejects.toThrow(ConfigError);
  });
});
