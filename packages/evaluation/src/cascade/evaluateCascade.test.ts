import { type Backend, createBackend } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { type Atlas, heldOutPrompts, renderScene } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveSceneClassifierConfig } from '../classifier/config.js';
import { sceneClassifierParameters } from '../classifier/parameters.js';
import { SceneClassifier } from '../classifier/sceneClassifier.js';
import { frechetDistance, gaussianFit } from '../distances/frechetDistance.js';
import { pooledFeatures } from '../distances/pooledFeatures.js';
import { meanSquaredError, psnrOf } from '../distances/psnr.js';
import { sobelMagnitude } from '../distances/sobel.js';
import { renderRgba } from '../pictures/renderRgba.js';
import { type RgbaPicture, toPicture } from '../suite/toPicture.js';
import { type CascadeRequest, type EvaluateCascadeOptions, evaluateCascade } from './evaluateCascade.js';
import { formatCascade } from './formatCascade.js';

const SEED = 4;
const counts = { single: 11, count: 7, pair: 5 };

let backend: Backend;
let atlas: Atlas;
/** Features need no training to be features. */
let classifier: SceneClassifier;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
  atlas = await loadAtlas();
  const config = resolveSceneClassifierConfig({ stageChannels: [4, 6], blocksPerStage: [0, 0], normNumGroups: 2 });
  classifier = new SceneClassifier(backend, config, initParameters(backend, sceneClassifierParameters(config), 3));
});
afterAll(async () => {
  classifier.dispose();
  await backend.dispose();
});

/** Each pixel becomes a square of them. */
function enlarge(base: RgbaPicture, side: number): RgbaPicture {
  const factor = side / base.width;
  const data = new Uint8ClampedArray(side * side * 4);
  for (let i = 0; i < side * side; i++) {
    const from = Math.floor(Math.floor(i / side) / factor) * base.width + Math.floor((i % side) / factor);
    data.set(base.data.subarray(4 * from, 4 * from + 4), 4 * i);
  }
  return { width: side, height: side, data };
}

const evaluate = (produce: EvaluateCascadeOptions['produce'], options: Partial<EvaluateCascadeOptions> = {}) =>
  evaluateCascade({
    ...{ produce, enlarge, classifier, atlas, count: counts, seed: SEED, baseSize: 16, fineSize: 32 },
    ...options,
  });
const real = ({ scene }: CascadeRequest) => ({
  base: renderRgba(atlas, scene, 16),
  fine: renderRgba(atlas, scene, 32),
});

test('a cascade that draws what it is asked for is at no distance, and its base is coarser', async () => {
  const { count, fid, fidAtBaseSize, edges, pixels, edgesNearer } = await evaluate(real);
  expect(count).toBe(23);
  // Pictures of 8 bits are half a step off the real ones.
  expect(fid.cascade).toBeLessThan(1e-5);
  expect(fid.base).toBeGreaterThan(100 * fid.cascade);
  expect(fidAtBaseSize.base).toBeLessThan(1e-5);
  expect(edges.cascade.meanPsnr).toBeGreaterThan(45);
  expect(edges.base.meanPsnr).toBeLessThan(30);
  expect(pixels.cascade.meanPsnr).toBeGreaterThan(50);
  expect(pixels.base.meanPsnr).toBeLessThan(40);
  expect(edgesNearer).toMatchObject({ right: 23, n: 23 });
});

test('a second stage that only enlarges is no better than its base, and agrees with it', async () => {
  const { fid, fidAtBaseSize, edges, pixels, edgesNearer, agreement } = await evaluate((request) => {
    const { base } = real(request);
    return { base, fine: enlarge(base, 32) };
  });
  expect(fid.cascade).toBe(fid.base);
  expect(fidAtBaseSize.cascade).toBeCloseTo(fidAtBaseSize.base, 6);
  expect(edges.cascade).toEqual(edges.base);
  expect(pixels.cascade).toEqual(pixels.base);
  expect(edgesNearer.right).toBe(0);
  expect(agreement.meanPsnr).toBeGreaterThan(99);
});

test('gives the measures of their own functions', async () => {
  // The pictures of each scene are darker than they should be, the fine one by more.
  const produce = (request: CascadeRequest) => {
    const darker = (picture: RgbaPicture, by: number) => ({
      ...picture,
      data: picture.data.map((x, i) => (i % 4 === 3 ? x : x - by)),
    });
    const { base, fine } = real(request);
    return { base: darker(base, 5), fine: darker(fine, 20) };
  };
  const requests: CascadeRequest[] = [];
  const noted = (request: CascadeRequest) => {
    requests.push(request);
    return produce(request);
  };
  const report = await evaluate(noted, { count: { single: 3, count: 0, pair: 2 } });
  const expected = [...heldOutPrompts('single', 3, SEED), ...heldOutPrompts('pair', 2, SEED)];
  expect(requests).toEqual(expected.map((prompt, index) => ({ ...prompt, index })));

  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const fine = requests.map((request) => toPicture(produce(request).fine, 32));
  const wanted = requests.map(({ scene }) => renderScene(atlas, scene, 32));
  const psnrs = fine.map((picture, i) =>
    psnrOf(meanSquaredError(sobelMagnitude(picture, 32), sobelMagnitude(wanted[i]!, 32))),
  );
  expect(report.edges.cascade.meanPsnr).toBeCloseTo(mean(psnrs), 8);
  expect(report.pixels.cascade.meanPsnr).toBeCloseTo(
    mean(fine.map((picture, i) => psnrOf(meanSquaredError(picture, wanted[i]!)))),
    8,
  );
  const [got, truth] = [await pooledFeatures(classifier, fine, 32), await pooledFeatures(classifier, wanted, 32)];
  expect(report.fid.cascade).toBeCloseTo(frechetDistance(gaussianFit(got, 6), gaussianFit(truth, 6)), 8);
});

test('features are those of the last stage, averaged over its grid', async () => {
  const pictures = heldOutPrompts('single', 23, SEED).map(({ scene }) => renderScene(atlas, scene, 16));
  const pooled = await pooledFeatures(classifier, pictures, 16);
  expect(pooled).toHaveLength(23 * 6);
  const maps = classifier.features(backend.tf.tensor4d(pictures[22]!, [1, 16, 16, 3]));
  const last = await maps.at(-1)!.data(); // f32 [1, 4, 4, 6]
  backend.tf.dispose(maps);
  for (let channel = 0; channel < 6; channel++) {
    let sum = 0;
    for (let cell = 0; cell < 16; cell++) sum += last[cell * 6 + channel]!;
    expect(pooled[22 * 6 + channel]).toBeCloseTo(sum / 16, 5);
  }
});

test('leaves no tensors, and says how far it is', async () => {
  const before = backend.tf.memory().numTensors;
  const progress: string[] = [];
  const onProgress = ({ done, total }: { done: number; total: number }) => progress.push(`${done}/${total}`);
  await evaluate(real, { count: { single: 2, count: 1, pair: 0 }, onProgress });
  expect(progress).toEqual(['1/3', '2/3', '3/3']);
  expect(backend.tf.memory().numTensors).toBe(before);
});

test('stops by its signal, and refuses sizes and counts that are none', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(evaluate(real, { signal })).rejects.toThrow('enough');
  await expect(evaluate(real, { fineSize: 40 })).rejects.toThrow(
    'expected a baseSize that is a multiple of 8 and a fineSize that is one of baseSize, got 16 and 40',
  );
  await expect(evaluate(real, { fineSize: 64 })).rejects.toThrow('expected a picture of 64 × 64, got 32 × 32');
  const count = { single: 1, count: 0, pair: 0 };
  await expect(evaluate(real, { count })).rejects.toThrow('expected at least 2 scenes, got 1');
});

test('makes a table of Markdown', async () => {
  const report = await evaluate(real, { count: { single: 2, count: 0, pair: 0 } });
  const table = formatCascade({ generated: report }).split('\n');
  expect(table).toHaveLength(2 + 6);
  expect(table[2]).toBe(
    `| generated (2) | FID at 32 px | ${report.fid.base.toFixed(3)} | ${report.fid.cascade.toFixed(3)} |`,
  );
  expect(table[4]).toBe(
    `| | PSNR of edges | ${report.edges.base.meanPsnr.toFixed(2)} dB | ${report.edges.cascade.meanPsnr.toFixed(2)} dB |`.replace(
      '| |',
      '|  |',
    ),
  );
});
