import type { Backend } from '@muse/backend';
import {
  CODEBOOK,
  type FeatureNetwork,
  loadVQGAN,
  patchDiscriminatorPresets,
  vqganParameters,
  vqganPresets,
} from '@muse/vqgan';
import type { Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type MemoryRunFolder, memoryRunFolder } from '../test/memoryRunFolder.js';
import { stripes } from '../test/stripes.js';
import { trainingBackend } from '../test/trainingBackend.js';
import { openComponent, runFolderSource } from './exportComponent.js';
import type { TokenizerSettings } from './presets.js';
import { type TokenizerTrainingOptions, trainTokenizer } from './trainTokenizer.js';

let backend: Backend;
beforeAll(async () => {
  backend = await trainingBackend();
});

const settings: Partial<TokenizerSettings> = {
  numSteps: 6,
  batchSize: 3,
  warmupSteps: 0,
  learningRate: 2e-3,
  quantizerStartStep: 2,
  loss: { discriminatorStartStep: 3 },
  checkpointEvery: 3,
  previewEvery: 6,
};

const train = (run: MemoryRunFolder, change: Partial<TokenizerTrainingOptions> = {}) =>
  trainTokenizer({
    backend,
    run,
    dataset: stripes(16, 20),
    config: 'tiny',
    discriminatorConfig: patchDiscriminatorPresets.tiny,
    ...change,
    settings: { ...settings, ...change.settings },
  });

const checkpoint = (run: MemoryRunFolder, step: string) =>
  Object.fromEntries([...run.files].filter(([path]) => path.startsWith(`checkpoints/step-${step}/`)));
const lastLine = (run: MemoryRunFolder, key: string) =>
  new TextDecoder()
    .decode(run.files.get('metrics.jsonl'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>)
    .findLast((line) => key in line)!;

describe('trainTokenizer', () => {
  it('leaves the same bytes after a crash and a resume as without', async () => {
    const straight = memoryRunFolder();
    await train(straight);

    const run = memoryRunFolder();
    const kill = ({ step }: { step: number }) => {
      if (step === 5) throw new Error('killed');
    };
    await expect(train(run, { onProgress: kill })).rejects.toThrow('killed');
    expect(await run.list('checkpoints')).toEqual(['step-000003']);
    await train(run);
    expect(checkpoint(run, '000006')).toEqual(checkpoint(straight, '000006'));
    expect(run.files.get('model/vqgan/model.safetensors')).toEqual(straight.files.get('model/vqgan/model.safetensors'));
  });

  it('leaks no tensor, and leaves the feature network alone', async () => {
    const kernel = backend.tf.randomNormal([3, 3, 3, 5], 0, 1, 'float32', 1) as Tensor4D;
    const perceptual: FeatureNetwork = { features: (images) => [backend.ops.conv2d(images as Tensor4D, kernel)] };
    await train(memoryRunFolder(), { perceptual });
    const before = backend.tf.memory().numTensors;
    const run = memoryRunFolder();
    await train(run, { perceptual, settings: { accumulationSteps: 2 } });
    expect(backend.tf.memory().numTensors).toBe(before);
    const line = lastLine(run, 'loss');
    for (const term of [
      'pixel',
      'perceptual',
      'adversarial',
      'commitment',
      'discriminator',
      'perplexity',
      'usedCodes',
      'deadCodes',
    ]) {
      expect(line, term).toHaveProperty(term, expect.any(Number));
    }
    kernel.dispose();
  });

  it('has no codes and no discriminator before their steps', async () => {
    const run = memoryRunFolder();
    await train(run, { settings: { numSteps: 4, previewEvery: 0 } });
    const text = new TextDecoder().decode(run.files.get('metrics.jsonl'));
    const [, second, third, fourth] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>);
    expect(second).toMatchObject({ step: 2, commitment: 0 });
    expect(second).not.toHaveProperty('perplexity');
    expect(third).toHaveProperty('perplexity');
    expect(third).not.toHaveProperty('adversarial');
    expect(fourth).toHaveProperty('adversarial');
  });

  it('has codes in a run that is shorter than their start', async () => {
    const run = memoryRunFolder();
    await train(run, { settings: { numSteps: 4, previewEvery: 0, quantizerStartStep: 300 } });
    expect(lastLine(run, 'perplexity').step).toBe(4);
  });

  it('exports the mean weights at F16 as a part of a model folder', async () => {
    const run = memoryRunFolder();
    await train(run);
    const vqgan = await loadVQGAN(backend, await openComponent(runFolderSource(run, 'model'), 'vqgan'));
    expect(vqgan.config).toEqual(vqganPresets.tiny);
    expect([...vqgan.parameters.keys()].sort()).toEqual(
      vqganParameters(vqganPresets.tiny)
        .map(({ name }) => name)
        .sort(),
    );
    const codes = [...(await vqgan.parameters.get(CODEBOOK)!.data())];
    expect(codes.some((value) => value !== 0)).toBe(true);
    expect(codes.map((value) => Math.fround(value))).toEqual(codes);
    vqgan.dispose();
    expect(run.files.has('previews/reconstructions-000006.png')).toBe(true);
    expect(lastLine(run, 'previewPsnr').previewPsnr).toBeGreaterThan(0);
  });

  it('learns one batch by heart', async () => {
    const run = memoryRunFolder();
    const result = await train(run, {
      overfitOneBatch: true,
      settings: {
        numSteps: 60,
        learningRate: 2e-2,
        quantizerStartStep: 20,
        loss: { adversarialWeight: 0 },
        checkpointEvery: 60,
        previewEvery: 0,
      },
    });
    expect(result.metrics.psnr).toBeGreaterThan(12);
  });
});
