import { type Backend, createBackend } from '@muse/backend';
import { type Atlas, caption, isHeldOut } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';
import { loadBundledClassifier } from '../node/index.js';
import { renderRgba } from '../pictures/renderRgba.js';
import { type EditRequest, editRequests, editTasks } from './editRequests.js';
import { type EvaluateEditsOptions, evaluateEdits } from './evaluateEdits.js';

const COUNT = 24;
const SEED = 5;

let backend: Backend;
let atlas: Atlas;
let classifier: SceneClassifier;
beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  atlas = await loadAtlas();
  classifier = await loadBundledClassifier(backend, 'classifier');
});
afterAll(async () => {
  classifier.dispose();
  await backend.dispose();
});

const evaluate = (edit: EvaluateEditsOptions['edit'], options: Partial<EvaluateEditsOptions> = {}) =>
  evaluateEdits({ edit, classifier, atlas, count: COUNT, seed: SEED, ...options });
/** Buffers compare at once what `toEqual` compares value by value. */
const isEqual = (a: Uint8ClampedArray, b: Uint8ClampedArray) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
const drawTarget = ({ target, image }: EditRequest) => renderRgba(atlas, target, image.width);

describe('requests', () => {
  test.each(editTasks)('of %s change one thing of a held-out scene', (task) => {
    const requests = [...editRequests({ atlas, task, count: COUNT, seed: SEED, imageSize: 64 })];
    expect(requests).toHaveLength(COUNT);
    for (const [index, { scene, target, prompt, oldPrompt, image, seed, mask }] of requests.entries()) {
      expect(isHeldOut(scene)).toBe(true);
      expect([prompt, oldPrompt, seed]).toEqual([caption(target), caption(scene), SEED + index]);
      expect(isEqual(image.data, renderRgba(atlas, scene, 64).data)).toBe(true);
      expect(mask !== undefined).toBe(task.startsWith('inpaint'));
      const differing = [
        scene.style !== target.style,
        scene.background !== target.background,
        ...scene.items.map(({ name }, i) => name !== target.items[i]!.name),
      ];
      expect(differing.filter(Boolean)).toHaveLength(1);
      expect(differing[0]).toBe(task === 'editStyle');
      expect(differing[1]).toBe(task === 'editBackground');
      expect(new Set(target.items.map(({ name }) => name)).size).toBe(scene.items.length);
      for (const item of target.items) expect(item.style).toBe(target.style);
    }
  });

  test('are a function of the seed, and the first n of more are those of n', () => {
    const prompts = (count: number, seed: number) =>
      [...editRequests({ atlas, task: 'editObject', count, seed, imageSize: 8 })].map(({ prompt }) => prompt);
    expect(prompts(5, 3)).toEqual(prompts(9, 3).slice(0, 5));
    expect(prompts(5, 3)).not.toEqual(prompts(5, 4));
  });

  test('change either of a pair', () => {
    const requests = [...editRequests({ atlas, task: 'inpaintOneOfPair', count: 40, seed: 1, imageSize: 8 })];
    const first = requests.filter(({ scene, target }) => scene.items[0]!.name !== target.items[0]!.name).length;
    expect(first).toBeGreaterThan(8);
    expect(first).toBeLessThan(32);
  });

  test.each(['inpaintObject', 'inpaintOneOfPair'] as const)('of %s mask all that the target changes', (task) => {
    for (const imageSize of [64, 128]) {
      for (const { image, mask, target } of editRequests({ atlas, task, count: 9, seed: 2, imageSize })) {
        const wanted = renderRgba(atlas, target, imageSize);
        const outside = mask!.data.reduce((sum, x) => sum + (x === 0 ? 1 : 0), 0);
        expect(outside).toBeGreaterThan(0);
        const differs = wanted.data.map((x, i) => (x === image.data[i] ? 0 : 1));
        expect(differs.some((x, i) => x === 1 && mask!.data[i >> 2] === 0)).toBe(false);
      }
    }
  });
});

describe('evaluateEdits', () => {
  test('finds an editor perfect that draws what is asked for', async () => {
    const progress: number[] = [];
    const report = await evaluate(drawTarget, { onProgress: ({ done, total }) => progress.push(done / total) });
    for (const task of editTasks) {
      const { changed, asBefore, kept, all, outsideIdentical } = report.tasks[task]!;
      expect(changed.n).toBe(COUNT);
      expect(changed.share, task).toBeGreaterThan(0.87);
      expect(asBefore.share, task).toBeLessThan(0.1);
      for (const { share } of Object.values(kept)) expect(share, task).toBeGreaterThan(0.87);
      expect(all.share, task).toBeGreaterThan(0.8);
      expect(outsideIdentical?.right, task).toBe(task.startsWith('inpaint') ? COUNT : undefined);
    }
    expect(report.answers).toHaveLength(COUNT * editTasks.length);
    expect(progress).toHaveLength(COUNT * editTasks.length);
    expect(progress.at(-1)).toBe(1);
  });

  test('sees that nothing was done', async () => {
    const { tasks } = await evaluate(({ image }) => image);
    for (const task of editTasks) {
      const { changed, asBefore, kept, all } = tasks[task]!;
      expect(changed.share, task).toBeLessThan(0.1);
      expect(asBefore.share, task).toBeGreaterThan(0.87);
      for (const { share } of Object.values(kept)) expect(share, task).toBeGreaterThan(0.87);
      expect(all.right, task).toBeLessThanOrEqual(changed.right);
    }
  });

  test('sees one pixel changed outside of a mask, and takes pictures of twice the size', async () => {
    const edit = (request: EditRequest) => {
      const result = drawTarget(request);
      // Blue of the lower right corner: outside, but for an emoji that stands in it.
      if (request.index % 3 === 0) result.data[result.data.length - 2]! ^= 2;
      return result;
    };
    const report = await evaluate(edit, { imageSize: 128, count: 7, tasks: ['inpaintObject'] });
    const cornered = report.answers.filter(
      ({ oldPrompt, index }) => oldPrompt.includes('bottom right') && index % 3 === 0,
    );
    expect(report.tasks.inpaintObject!.outsideIdentical).toMatchObject({ right: 4 + cornered.length, n: 7 });
    expect(report.answers[0]!.outside).toEqual({ pixels: 128 * 128 - 96 * 96, changed: 1 });
    expect(report.tasks.inpaintObject!.changed.share).toBeGreaterThan(0.8);
    expect(Object.keys(report.tasks)).toEqual(['inpaintObject']);
  });

  test('stops by its signal, between pictures', async () => {
    const abort = new AbortController();
    let made = 0;
    const edit = ({ image }: EditRequest) => {
      if (++made === 3) abort.abort(new Error('enough'));
      return image;
    };
    await expect(evaluate(edit, { signal: abort.signal })).rejects.toThrow('enough');
    expect(made).toBe(3);
  });

  test('refuses what it cannot do', async () => {
    const tiny = { width: 2, height: 2, data: new Uint8ClampedArray(16) };
    await expect(evaluate(() => tiny)).rejects.toThrow("expected a picture of the image's size 64 × 64, got 2 × 2");
    await expect(evaluate(drawTarget, { count: 0 })).rejects.toThrow('expected count to be a positive integer, got 0');
    await expect(evaluate(drawTarget, { tasks: [] })).rejects.toThrow('expected different tasks, at least one, got []');
    await expect(evaluate(drawTarget, { tasks: ['paint' as never] })).rejects.toThrow('expected task inpaintObject');
  });
});
