import { type Backend, createBackend } from '@muse/backend';
import { type Atlas, heldOutPrompts, renderScene, type Scene, sceneKinds } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';
import { loadBundledClassifier } from '../node/index.js';
import { evaluateSuite, type SuitePrompt } from './evaluateSuite.js';
import type { Picture } from './toPicture.js';

const COUNT = 60;
const SEED = 11;

let backend: Backend;
let atlas: Atlas;
let classifier: SceneClassifier;
/** The scene of each prompt: what a perfect model would draw. */
let scenes: Map<string, Scene>;
beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  atlas = await loadAtlas();
  classifier = await loadBundledClassifier(backend, 'classifier');
  const prompts = sceneKinds.flatMap((kind) => heldOutPrompts(kind, COUNT, SEED));
  scenes = new Map(prompts.map(({ prompt, scene }) => [prompt, scene]));
});
afterAll(async () => {
  classifier.dispose();
  await backend.dispose();
});

/** A model that draws `redrawn` of what it is asked for. */
function model(
  redrawn: (scene: Scene) => Scene = (scene) => scene,
  toOutput: (pixels: Float32Array) => Picture = (p) => p,
) {
  return async function* (prompts: readonly SuitePrompt[]) {
    for (const { prompt } of prompts) yield toOutput(renderScene(atlas, redrawn(scenes.get(prompt)!)));
  };
}

const suite = (generate: ReturnType<typeof model>, count = COUNT) =>
  evaluateSuite({ generate, classifier, count, seed: SEED });

describe('evaluateSuite', () => {
  test('finds a perfect model nearly perfect, and reports each picture', async () => {
    const report = await suite(model());
    for (const kind of sceneKinds) {
      for (const [what, { share, n }] of Object.entries(report[kind])) {
        expect(n, `${kind} ${what}`).toBe(COUNT);
        expect(share, `${kind} ${what}`).toBeGreaterThanOrEqual(0.93);
      }
    }
    expect(report.answers).toHaveLength(3 * COUNT);
    expect(report.answers[0]).toMatchObject({ prompt: heldOutPrompts('single', 1, SEED)[0]!.prompt, seed: SEED });
  });

  test('sees through a model that turns pairs round: names and layout right, the relation wrong', async () => {
    const { pair } = await suite(
      model((scene) => {
        if (scene.kind !== 'pair') return scene;
        const [first, second] = scene.items as [Scene['items'][0], Scene['items'][0]];
        return {
          ...scene,
          items: [
            { ...first, name: second.name },
            { ...second, name: first.name },
          ],
        };
      }),
    );
    expect(pair.relation.share).toBeLessThan(0.05);
    expect(pair.layout.share).toBeGreaterThan(0.93);
    expect(pair.names.share).toBeGreaterThan(0.9);
  });

  test('sees through a model that draws one less', async () => {
    const { count } = await suite(
      model((scene) => (scene.kind === 'count' ? { ...scene, items: scene.items.slice(1) } : scene)),
    );
    expect(count.count.share).toBeLessThan(0.5);
    expect(count.background.share).toBeGreaterThan(0.93);
  });

  test('sees through a model that draws in one style on white', async () => {
    const { single } = await suite(
      model((scene) => ({
        ...scene,
        background: 'white',
        items: scene.items.map((item) => ({ ...item, style: 'Noto style' as const })),
      })),
    );
    const asked = (test: (scene: Scene) => boolean) =>
      heldOutPrompts('single', COUNT, SEED).filter(({ scene }) => test(scene)).length / COUNT;
    expect(Math.abs(single.background.share - asked(({ background }) => background === 'white'))).toBeLessThan(0.07);
    expect(Math.abs(single.style.share - asked(({ style }) => style === 'Noto style'))).toBeLessThan(0.1);
  });

  test('takes pictures of 8 bits and of twice the size', async () => {
    const plain = await suite(model(), 9);
    const rgba = await suite(
      model(undefined, (pixels) => {
        const data = new Uint8ClampedArray(64 * 64 * 4).fill(255);
        for (let i = 0; i < 64 * 64; i++) for (let c = 0; c < 3; c++) data[4 * i + c] = 255 * pixels[3 * i + c]!;
        return { width: 64, height: 64, data };
      }),
      9,
    );
    const large = await suite(
      model(undefined, (pixels) => {
        const at = (i: number) => [Math.floor(i / 3 / 128) >> 1, (Math.floor(i / 3) % 128) >> 1] as const;
        return Float32Array.from(
          { length: 128 * 128 * 3 },
          (_, i) => pixels[(at(i)[0] * 64 + at(i)[1]) * 3 + (i % 3)]!,
        );
      }),
      9,
    );
    expect(rgba).toEqual(plain);
    expect(large).toEqual(plain);
  });

  test('says how far it is', async () => {
    const seen: string[] = [];
    await evaluateSuite({
      generate: model(),
      classifier,
      count: { single: 2, count: 0, pair: 1 },
      seed: SEED,
      onProgress: ({ done, total, kind }) => seen.push(`${done}/${total} ${kind}`),
    });
    expect(seen).toEqual(['1/3 single', '2/3 single', '3/3 pair']);
  });

  test('gives the same report each time and leaves no tensors', async () => {
    const before = backend.tf.memory().numTensors;
    expect(await suite(model(), 5)).toEqual(await suite(model(), 5));
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  test('refuses a model that gives too few pictures, too many, or of another size', async () => {
    const some = (n: number, pixels = new Float32Array(64 * 64 * 3)) =>
      evaluateSuite({ generate: () => Array<Picture>(n).fill(pixels), classifier, count: 4 });
    await expect(some(3)).rejects.toThrow('[evaluation] evaluateSuite: expected generate to give 4 pictures, got 3');
    await expect(some(5)).rejects.toThrow('expected generate to give 4 pictures, got more');
    await expect(some(4, new Float32Array(60 * 60 * 3))).rejects.toThrow('expected a square picture of 64 pixels');
  });

  test.each([-1, 1.5, Number.NaN])('refuses a count of %d', async (count) => {
    await expect(suite(model(), count)).rejects.toThrow('expected count to be integers of at least 0');
  });

  test('ends when it is told to', async () => {
    const abort = new AbortController();
    const run = evaluateSuite({
      generate: model(),
      classifier,
      count: 10,
      seed: SEED,
      signal: abort.signal,
      onProgress: ({ done }) => done === 3 && abort.abort(),
    });
    await expect(run).rejects.toThrow(/abort/i);
  });
});
