import { type Backend, ConfigError } from '@muse/backend';
import { initParameters, memorySource, openCheckpoint, openModelFolder } from '@muse/checkpoint';
import {
  loadSuperResTransformer,
  resolveSuperResTransformerConfig,
  superResTransformerParameters,
  superResTransformerPresets,
} from '@muse/masked-transformer';
import { decodePng, Muse } from '@muse/muse';
import { loadVQGAN, type VQGAN } from '@muse/vqgan';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fineConfig, untrainedBase, vqganOf } from '../test/baseModel.js';
import { type MemoryRunFolder, memoryRunFolder } from '../test/memoryRunFolder.js';
import { stripes } from '../test/stripes.js';
import { trainingBackend } from '../test/trainingBackend.js';
import { runFolderSource } from './exportComponent.js';
import type { SuperResSettings } from './presets.js';
import { type SuperResTrainingOptions, trainSuperRes } from './trainSuperRes.js';

let backend: Backend;
let vqgan: VQGAN;
let baseModel: Awaited<ReturnType<typeof untrainedBase>>;
beforeAll(async () => {
  backend = await trainingBackend();
  vqgan = vqganOf(backend, fineConfig, 8);
  baseModel = await untrainedBase(backend);
});
afterAll(() => vqgan.dispose());

const settings: Partial<SuperResSettings> = {
  numSteps: 4,
  batchSize: 3,
  warmupSteps: 0,
  learningRate: 1e-3,
  checkpointEvery: 2,
  previewEvery: 0,
};

const { condDropProb: _, ...tinyFields } = superResTransformerPresets.tiny;
const oneStep = { learningRate: 1e-2, finalLearningRate: 1e-2, weightDecay: 0, emaDecay: null };
/** What a run of the tiny preset resolves to here. */
const resolveTiny = (condDropProb: number) =>
  resolveSuperResTransformerConfig('tiny', { codebookSize: 13, condDropProb });

const pair = (size: number, onLoad?: () => void) => ({
  fine: stripes(32, size, onLoad),
  coarse: stripes(16, size, onLoad),
});

const train = (run: MemoryRunFolder, change: Partial<SuperResTrainingOptions> = {}) =>
  trainSuperRes({
    backend,
    run,
    vqgan,
    baseModel,
    images: pair(11),
    config: 'tiny',
    ...change,
    settings: { ...settings, ...change.settings },
  });

const filesOf = (run: MemoryRunFolder, folder: string) =>
  Object.fromEntries([...run.files].filter(([path]) => path.startsWith(`${folder}/`)));

describe('trainSuperRes', () => {
  it('leaves the same bytes after an abort and a resume as without', async () => {
    const straight = memoryRunFolder();
    await train(straight);

    const run = memoryRunFolder();
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => step === 3 && controller.abort();
    const aborted = await train(run, { signal: controller.signal, onProgress });
    expect(aborted).toMatchObject({ status: 'aborted', step: 3 });
    expect(run.files.has('model/model_index.json')).toBe(false);
    await train(run);
    expect(filesOf(run, 'checkpoints/step-000004')).toEqual(filesOf(straight, 'checkpoints/step-000004'));
    expect(filesOf(run, 'model')).toEqual(filesOf(straight, 'model'));
  });

  it('exports the whole cascade, the parts of the base as they were', async () => {
    const run = memoryRunFolder();
    await train(run, { settings: { offlineEmaDecay: 0.7, keepEvery: 2 } });
    for (const part of ['vqgan', 'text_encoder', 'transformer']) {
      const path = `model/${part}`;
      const copied = Object.entries(filesOf(run, path));
      const original = Object.entries(Object.fromEntries(baseModel.files)).filter(([name]) =>
        name.startsWith(`${path}/`),
      );
      expect(Object.fromEntries(copied), part).toEqual(Object.fromEntries(original));
    }
    const { index, component } = await openModelFolder(runFolderSource(run, 'model'));
    expect(index).toMatchObject({
      name: 'stripes',
      license: 'CC0-1.0',
      sampling: { numSteps: 3 },
      imageSize: [16, 16],
      superResSampling: { numSteps: 8 },
      superResImageSize: [32, 32],
    });
    const transformer = await loadSuperResTransformer(backend, await component('super_res_transformer'));
    expect(transformer.config).toMatchObject({ latentSize: 16, coarseLatentSize: 8, codebookSize: 13, textDim: 44 });
    transformer.dispose();
    const loaded = await loadVQGAN(backend, await component('super_res_vqgan'));
    expect(loaded.config).toEqual(fineConfig);
    loaded.dispose();

    const muse = await Muse.fromPretrained(runFolderSource(run, 'model'), { backend });
    const [image] = await muse.generate({ prompt: 'lying stripes', seed: 1, numSteps: 2 });
    expect(image).toMatchObject({ width: 32, height: 32 });
    await muse.dispose();
  });

  it('encodes each image once at each size, leaks no tensor, and measures held-out images', async () => {
    let loads = 0;
    const run = memoryRunFolder();
    const images = pair(11, () => loads++);
    await train(run, { images, settings: { numSteps: 1 } });
    expect(loads).toBe(2 * 11);
    const before = backend.tf.memory().numTensors;
    const { metrics } = await train(run, {
      images,
      heldOutImages: pair(7),
      previewPrompts: ['upright bars', 'two', 'lying'],
      settings: { accumulationSteps: 2, previewEvery: 4 },
    });
    expect(loads).toBe(2 * 11);
    expect(backend.tf.memory().numTensors).toBe(before);
    expect(metrics).toMatchObject({
      loss: expect.any(Number),
      accuracy: expect.any(Number),
      gradientNorm: expect.any(Number),
    });
    const { width } = decodePng(run.files.get('previews/samples-000004.png')!);
    expect(width).toBe(3 * 32 + 2 * 2); // three images at the fine size and the gaps between them
    const text = new TextDecoder().decode(run.files.get('metrics.jsonl'));
    expect(text).toMatch(/"heldOutLoss":\d.*"heldOutAccuracy":\d/);
  });

  it('learns one batch by heart', async () => {
    const config = {
      hiddenSize: 32,
      numLayers: 2,
      coarseNumLayers: 1,
      numHeads: 2,
      mlpDim: 64,
      blockSize: 4,
      labelSmoothing: 0,
      condDropProb: 0,
    };
    const change = { numSteps: 40, learningRate: 2e-2, weightDecay: 0, checkpointEvery: 40 };
    const { metrics } = await train(memoryRunFolder(), { overfitOneBatch: true, config, settings: change });
    // Chance is 1/13 and log 13 = 2.56.
    expect(metrics.accuracy).toBeGreaterThan(0.6);
    expect(metrics.loss).toBeLessThan(1.2);
  });

  // Several ports keep the text with the probability that they mean to drop it with.
  it('takes the text away with probability condDropProb, and never the coarse tokens', async () => {
    const moved = async (condDropProb: number) => {
      const run = memoryRunFolder();
      const config = { ...tinyFields, condDropProb };
      await train(run, { config, settings: { numSteps: 1, checkpointEvery: 1, ...oneStep } });
      const path = 'model/super_res_transformer/model.safetensors';
      const checkpoint = await openCheckpoint(memorySource(path, run.files.get(path)!));
      const start = initParameters(backend, superResTransformerParameters(resolveTiny(condDropProb)), 0);
      const isMoved = async (name: string) => {
        const now = (await checkpoint.read(name)).data as Float32Array;
        const before = await backend.tf.transpose(start.get(name)!).data();
        // The optimizer's first step is the learning rate; what F16 rounds off is far less.
        return now.some((value, i) => Math.abs(value - before[i]!) > 3e-3);
      };
      const result = {
        text: await isMoved('text_projection.weight'),
        coarse: await isMoved('coarse_encoder.layers.0.mlp.up.weight'),
      };
      await checkpoint.close();
      backend.tf.dispose([...start.values()]);
      return result;
    };
    expect(await moved(1)).toEqual({ text: false, coarse: true });
    expect(await moved(0)).toEqual({ text: true, coarse: true });
  });

  it.each([
    [
      'of another size',
      { fine: 16, coarse: 16 },
      /expected images\.fine of the fine tokenizer's image size 32, got 16/,
    ],
    ['of the fine size twice', { fine: 32, coarse: 32 }, /images\.coarse of the base model's image size 16, got 32/],
  ])('refuses images %s', async (_, sizes, message) => {
    const images = { fine: stripes(sizes.fine, 5), coarse: stripes(sizes.coarse, 5) };
    await expect(train(memoryRunFolder(), { images })).rejects.toThrow(ConfigError);
    await expect(train(memoryRunFolder(), { images })).rejects.toThrow(message);
  });

  it('refuses more images of one size than of the other', async () => {
    const images = { fine: stripes(32, 5), coarse: stripes(16, 7) };
    await expect(train(memoryRunFolder(), { images })).rejects.toThrow(/as many images as fine, 5, got 7/);
  });
});
