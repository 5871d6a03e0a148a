import { type Backend, createBackend } from '@muse/backend';
import type { Atlas } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measureClassifier } from './measureClassifier.js';
import { type ClassifierTrainingOptions, trainSceneClassifier } from './trainSceneClassifier.js';

let backend: Backend;
let atlas: Atlas;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
  atlas = await loadAtlas();
});
afterAll(() => backend.dispose());

/** Of a size that plain JavaScript trains in seconds. */
const config = { imageSize: 8, stageChannels: [8, 8], blocksPerStage: [0, 0], normNumGroups: 2, hiddenSize: 16 };

async function train(options: Partial<ClassifierTrainingOptions> = {}) {
  const losses: number[] = [];
  const classifier = await trainSceneClassifier({
    backend,
    atlas,
    config,
    batchSize: 8,
    numSteps: 5,
    ...options,
    onStep: (progress) => {
      losses.push(progress.loss);
      options.onStep?.(progress);
    },
  });
  return { classifier, losses };
}

describe('trainSceneClassifier', () => {
  test('learns backgrounds within a few steps, measured on held-out scenes', async () => {
    const { classifier, losses } = await train({ numSteps: 150, batchSize: 16, learningRate: 0.01 });
    const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)) - 2);
    const { background, count } = await measureClassifier({ classifier, atlas, count: 120, seed: 3 });
    expect(background.n).toBe(120);
    expect(background.share).toBeGreaterThan(0.5); // chance is 0.1
    expect(count.n).toBeGreaterThan(40); // singles and counts only
    expect(count.n).toBeLessThan(120);
    classifier.dispose();
  });

  test('takes the same steps for the same seed, others for another', async () => {
    const runs = [];
    for (const seed of [4, 4, 5]) {
      const { classifier, losses } = await train({ seed });
      classifier.dispose();
      runs.push(losses);
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).not.toEqual(runs[0]);
  });

  test('warms up, then lets the learning rate fall to a hundredth', async () => {
    const rates: number[] = [];
    const { classifier } = await train({
      numSteps: 100,
      batchSize: 1,
      learningRate: 0.001,
      onStep: ({ learningRate }) => rates.push(learningRate),
    });
    classifier.dispose();
    expect(rates[0]).toBeCloseTo(0.001 / 3, 8); // 3 of 100 steps
    expect(Math.max(...rates)).toBe(rates[2]);
    expect(rates[2]).toBeCloseTo(0.001, 8);
    expect(rates[99]).toBeCloseTo(0.00001, 8);
    for (let i = 3; i < 100; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
  });

  test('ends when it is told to, and leaves no tensors', async () => {
    const before = backend.tf.memory().numTensors;
    const abort = new AbortController();
    const steps: number[] = [];
    const training = train({
      signal: abort.signal,
      onStep({ step }) {
        steps.push(step);
        if (step === 2) abort.abort();
      },
    });
    await expect(training).rejects.toThrow(/abort/i);
    expect(steps).toEqual([1, 2]);
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  test('stops with an error, not with numbers that are none', async () => {
    const before = backend.tf.memory().numTensors;
    await expect(train({ learningRate: 1e30, numSteps: 20 })).rejects.toThrow(
      /expected a finite loss, got .* at step \d/,
    );
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  test.each([{ numSteps: 0 }, { batchSize: 1.5 }])('refuses %j', async (options) => {
    await expect(train(options)).rejects.toThrow('to be a positive integer, got');
  });
});
