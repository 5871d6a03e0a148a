import { readFileSync } from 'node:fs';
import { type Backend, createBackend } from '@muse/backend';
import { countParameters, encodeSafetensors, loadParameters, memorySource, openCheckpoint } from '@muse/checkpoint';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveSceneClassifierConfig, sceneClassifierDefaults } from './config.js';
import { headNames, headSizes } from './heads.js';
import { sceneClassifierParameters } from './parameters.js';
import { SceneClassifier } from './sceneClassifier.js';

interface Golden {
  readonly features: readonly (readonly number[])[];
  readonly logits: Readonly<Record<string, readonly number[]>>;
  readonly gradient: readonly number[];
}

// Made by test/fixtures/classifierGolden.py with torch 2.13.
const golden = JSON.parse(
  readFileSync(new URL('../../test/fixtures/classifierGolden.json', import.meta.url), 'utf8'),
) as Golden;

const config = resolveSceneClassifierConfig({
  imageSize: 12,
  stageChannels: [6, 10],
  blocksPerStage: [0, 2],
  normNumGroups: 2,
  hiddenSize: 7,
});
const B = 3;

/** The formula of classifierGolden.py. */
function formula(seed: number, length: number, scale: number, offset = 0): Float32Array {
  return Float32Array.from({ length }, (_, i) => scale * Math.sin(i + 100 * seed) + offset);
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

let backend: Backend;
let classifier: SceneClassifier;
let images: Tensor4D;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
  const specs = sceneClassifierParameters(config);
  const file = new Map(
    specs.map(({ name, shape }, i) => {
      const isGain = /norm\d?\.weight$/.test(name);
      const data = formula(i + 1, sizeOf(shape), 0.3, isGain ? 1 : 0);
      return [name, { dtype: 'F32' as const, shape, data }];
    }),
  );
  const checkpoint = await openCheckpoint(memorySource('golden', encodeSafetensors(file)));
  classifier = new SceneClassifier(backend, config, await loadParameters(backend, checkpoint, specs));
  images = backend.tf.tensor4d(formula(0, B * 12 * 12 * 3, 0.5, 0.5), [B, 12, 12, 3]);
});
afterAll(async () => {
  classifier.dispose();
  images.dispose();
  await backend.dispose();
});

async function expectClose(got: Tensor, expected: readonly number[], tolerance: number): Promise<void> {
  const values = await got.data();
  expect(values.length).toBe(expected.length);
  const worst = Math.max(...expected.map((x, i) => Math.abs(x - values[i]!)));
  expect(worst).toBeLessThan(tolerance);
}

describe('against PyTorch', () => {
  test('features are the same', async () => {
    const features = classifier.features(images);
    expect(features.map(({ shape }) => shape)).toEqual([
      [B, 6, 6, 6],
      [B, 3, 3, 10],
    ]);
    for (const [i, feature] of features.entries()) await expectClose(feature, golden.features[i]!, 1e-4);
    backend.tf.dispose(features);
  });

  test('logits of every head are the same', async () => {
    const logits = classifier.forward(images);
    expect(Object.keys(logits)).toEqual(Object.keys(golden.logits));
    for (const head of headNames) {
      expect(logits[head].shape).toEqual([B, headSizes[head]]);
      await expectClose(logits[head], golden.logits[head]!, 1e-4);
    }
    backend.tf.dispose(logits);
  });

  test('so is the gradient of the features in the images', async () => {
    const { tf } = backend;
    const gradient = tf.tidy(() => {
      const loss = (x: Tensor) => {
        const last = classifier.features(x as Tensor4D).at(-1)!;
        const weights = tf.tensor(Float32Array.from({ length: last.size }, (_, i) => Math.cos(i)));
        return tf.sum(tf.mul(tf.reshape(last, [-1]), weights));
      };
      return tf.grad(loss)(images);
    });
    await expectClose(gradient, golden.gradient, 1e-3);
    gradient.dispose();
  });
});

test('keeps no tensors but its results', () => {
  const { tf } = backend;
  const before = tf.memory().numTensors;
  tf.dispose(classifier.features(images));
  tf.dispose(classifier.forward(images));
  expect(tf.memory().numTensors).toBe(before);
});

test('features take images of another size, the heads do not', () => {
  const { tf } = backend;
  const large = tf.zeros([2, 20, 28, 3]) as Tensor4D;
  const features = classifier.features(large);
  expect(features.map(({ shape }) => shape)).toEqual([
    [2, 10, 14, 6],
    [2, 5, 7, 10],
  ]);
  expect(() => classifier.forward(large)).toThrow('expected images [B, 12, 12, 3], got [2, 20, 28, 3]');
  tf.dispose([large, features]);
});

test('says which tensor is missing', () => {
  const empty = new SceneClassifier(backend, config, new Map());
  expect(() => empty.features(images)).toThrow('expected a tensor stages.0.conv.weight, got none');
});

describe('the network as it is shipped', () => {
  test('has 1.2 M parameters', () => {
    // stages 1824 + 48, 10,416 + 96, 41,568 + 192 + 2·(83,040 + 192), 110,720 + 256 + 2·(147,584 + 256);
    // hidden 2048·256 + 256; heads 257·(3 + 131 + 131 + 3 + 10 + 4 + 2)
    const stages = 1872 + 10_512 + 41_760 + 2 * 83_232 + 110_976 + 2 * 147_840;
    expect(countParameters(sceneClassifierParameters(sceneClassifierDefaults))).toBe(stages + 524_544 + 257 * 284);
  });

  test.each([
    [{ imageSize: 40 }, 'expected imageSize to be a multiple of 16, got 40'],
    [{ stageChannels: [] }, 'expected stageChannels to be multiples of normNumGroups 8, got []'],
    [{ stageChannels: [24, 50, 96, 128] }, 'expected stageChannels to be multiples of normNumGroups 8'],
    [{ blocksPerStage: [1] }, 'expected blocksPerStage to be 4 integers of at least 0, got [1]'],
    [{ hiddenSize: 0 }, 'expected hiddenSize to be a positive integer, got 0'],
    [{ normNumGroups: 1.5 }, 'expected normNumGroups to be a positive integer, got 1.5'],
    [{ headSizes: { ...headSizes, nameB: 7 } }, 'expected 131 classes of nameB, those of the emoji scenes, got 7'],
  ])('refuses %j', (options, message) => {
    expect(() => resolveSceneClassifierConfig(options)).toThrow(message);
  });
});
