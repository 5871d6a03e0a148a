import { readFileSync } from 'node:fs';
import { type Backend, createBackend } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { describeBackends, expectClose, loadGolden } from '@muse/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conditionerOf } from '../conditioning/conditionerOf.js';
import { decodePng, type GenerationStep, Muse, maskFromRgba, type RgbaImage } from '../index.js';
import { loadMuseParts } from '../museParts.js';
import { Runtime } from '../runtime.js';
import { Stage } from '../stage.js';
import { withCascade } from './cascade.js';
import { type BasePrepared, checkPipelineOptions } from './context.js';

/** What diffusers 0.33.1 makes with tiny random models: internal/fixtures/python/amused.py, seeds in each manifest.json. */
const folder = (name: string) => fixturePath(`amused/${name}`);
const picture = (name: string): RgbaImage => decodePng(readFileSync(fixturePath(`amused/amused-tiny/${name}.png`)));

/** Greedy, as the goldens: the most likely token, no noise on the order. */
const greedy = {
  prompt: 'a photo of a red cat on the Moon',
  negativePrompt: 'low quality, blurry',
  guidanceScale: 3,
  numSteps: 5,
  sampleTemperature: 0,
  choiceTemperature: [0, 0],
  seed: 7,
} as const;

const load = (backend: Backend, name: string) => Muse.fromPretrained(nodeFolder(folder(name)), { backend });

/** Collects the ids of each step. */
function record() {
  const steps: number[][] = [];
  const onStep = ({ tokenIds }: GenerationStep) => void steps.push([...tokenIds]);
  return { steps, onStep };
}

function expectedSteps(golden: string, name: string): number[][] {
  const { shape, data } = loadGolden(`${folder(golden)}/expected.safetensors`).get(`${name}.tokens_per_step`)!;
  const seqLen = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => [...data.subarray(i * seqLen, (i + 1) * seqLen)]);
}

/** Rounding to 8 bits may fall to either side. */
function expectSamePicture(actual: RgbaImage, expected: RgbaImage): void {
  expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
  const worst = actual.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(1);
}

describeBackends('aMUSEd', (running) => {
  it.each(['amused-tiny', 'amused-tiny-512style'])("makes diffusers' images token by token: %s", async (golden) => {
    const muse = await load(running(), golden);
    const { steps, onStep } = record();
    const [image] = await muse.generate({ ...greedy, onStep });
    expect(steps).toEqual(expectedSteps(golden, 'text2img'));
    expectSamePicture(image!, decodePng(readFileSync(`${folder(golden)}/text2img.png`)));
    await muse.dispose();
  });

  it('inpaints as diffusers does, from the tokens that it starts with', async () => {
    const muse = await load(running(), 'amused-tiny');
    const { steps, onStep } = record();
    const [image, mask] = [picture('input'), maskFromRgba(picture('mask'))];
    const made = await muse.inpaint({ ...greedy, image, mask, preserveOutside: false, onStep });
    expect(steps).toEqual(expectedSteps('amused-tiny', 'inpaint'));
    expectSamePicture(made, picture('inpaint'));
    expect(made.settings.maskSchedule).toBe('linear');
    await muse.dispose();
  });

  it('goes on from the tokens that diffusers masked for image-to-image, step by step as diffusers does', async () => {
    const backend = running();
    const parts = await loadMuseParts(nodeFolder(folder('amused-tiny')), { backend });
    const runtime = new Runtime(backend);
    const base = new Stage<BasePrepared>('base', runtime, parts.vqgan, parts.transformer);
    const conditioner = conditionerOf(parts);
    const context = { parts, runtime, conditioner, base };
    const start = loadGolden(`${folder('amused-tiny')}/inputs.safetensors`).get('img2img.start_tokens')!.data;
    const { steps, onStep } = record();
    // Linear: the golden's pipelines shared one scheduler, which AmusedInpaintPipeline had switched.
    const options = { ...greedy, maskSchedule: 'linear' } as const;
    const resolved = checkPipelineOptions(context, options, { place: { package: 'muse', in: 'variations' } });
    const result = await withCascade(context, resolved, { onStep }, (cascade) =>
      cascade.run({
        image: 0,
        // ⌊5 · 0.7⌋ of the steps are run.
        startStep: 2,
        picture: () => picture('input'),
        tokenMask: () => Uint8Array.from(start, (id) => (id === parts.transformer.maskTokenId ? 1 : 0)),
      }),
    );
    expect(steps).toEqual(expectedSteps('amused-tiny', 'img2img'));
    expectSamePicture(result.picture, picture('img2img'));
    for (const part of [base, conditioner, parts.textEncoder, parts.transformer, parts.vqgan]) part.dispose();
  });

  it('makes the image of a seed with the same bytes alone, and at any place among others', async () => {
    const muse = await load(running(), 'amused-tiny');
    const { prompt } = greedy;
    const options = { prompt, numSteps: 2, guidanceScale: 1 } as const; // all at random, as by default
    const [image, mask] = [picture('input'), maskFromRgba(picture('mask'))];
    const generate = (seed: number, count: number) =>
      muse.generate({ ...options, guidanceScale: 2, seed, count, batchSize: count });
    const vary = (seed: number, count: number) => muse.variations({ ...options, image, strength: 0.5, seed, count });
    for (const make of [generate, vary]) {
      const [alone] = await make(31, 1);
      const three = await make(30, 3);
      const two = await make(31, 2);
      expect(three.map(({ seed }) => seed)).toEqual([30, 31, 32]);
      expect(three[1]).toEqual(alone);
      expect(two).toEqual(three.slice(1));
      expect(new Set(three.map(({ data }) => data.join())).size).toBe(3);
    }
    // One image a call: what was painted before it must not show.
    const inpaint = (seed: number) => muse.inpaint({ ...options, image, mask, seed });
    const [alone, other, again] = [await inpaint(31), await inpaint(30), await inpaint(31)];
    expect(again).toEqual(alone);
    expect(other.data).not.toEqual(alone.data);
    await muse.dispose();
  }, 300_000); // 15 images: slow on the plain device
});

describe('aMUSEd', () => {
  let backend: Backend;
  let muse: Muse;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
    muse = await load(backend, 'amused-tiny');
  });
  afterAll(async () => {
    await muse.dispose();
    expect(backend.tf.memory().numTensors).toBe(0);
    await backend.dispose();
  });

  it('has the settings of its pipeline in diffusers', () => {
    expect(muse.index).toMatchObject({
      format: 'diffusers',
      name: 'amused-tiny',
      imageSize: [48, 48],
      sampling: { numSteps: 12, guidanceScale: 10, guidanceSchedule: 'constant', choiceTemperature: [2, 0] },
    });
    const { settings } = muse.checkOptions({ prompt: 'a cat' });
    expect(settings).toMatchObject({
      guidanceScale: 10,
      maskSchedule: 'cosine',
      microConditioning: { originalSize: [48, 48], cropOffset: [0, 0], aestheticScore: 6 },
    });
  });

  // ⌊144 · cos(π/2 · k/5)⌋ for k of 0 to 5.
  it.each([
    [0, 0, []],
    [0.7, 116, [84, 44, 0]],
    [1, 144, [136, 116, 84, 44, 0]],
  ])('strength %d masks %d of the tokens and runs that share of the steps', async (strength, numStart, numMasked) => {
    const masked: number[] = [];
    const onStep = (step: GenerationStep) => void masked.push(step.numMasked[0]!);
    const [made] = await muse.variations({ ...greedy, guidanceScale: 1, image: picture('input'), strength, onStep });
    expect(made!.tokenMask.reduce((sum, bit) => sum + bit, 0)).toBe(numStart);
    expect(masked).toEqual(numMasked);
  });

  it('keeps the pixels outside of the mask, to the byte', async () => {
    const [image, mask] = [picture('input'), maskFromRgba(picture('mask'))];
    const made = await muse.inpaint({ prompt: 'a cat', guidanceScale: 1, numSteps: 1, seed: 1, image, mask });
    const isKept = (_: number, at: number) => mask.data[at >> 2] === 0;
    expect(made.data.filter(isKept)).toEqual(image.data.filter(isKept));
  });

  it('guides by u + s(c − u): 1 and less do not guide, the empty text is the negative prompt', async () => {
    const tokensOf = async (options: object) =>
      (await muse.generate({ ...greedy, numSteps: 1, ...options }))[0]!.tokenIds;
    const unguided = await tokensOf({ guidanceScale: 1 });
    expect(await tokensOf({ guidanceScale: 0.5 })).toEqual(unguided);
    expect(await tokensOf({ guidanceScale: 3 })).not.toEqual(unguided);
  });

  it('follows the micro-conditions, and says which', async () => {
    const options = { ...greedy, guidanceScale: 1, numSteps: 1 };
    const [plain] = await muse.generate(options);
    const [other] = await muse.generate({ ...options, microConditioning: { aestheticScore: 1 } });
    expect(other!.tokenIds).not.toEqual(plain!.tokenIds);
    expect(other!.settings.microConditioning).toEqual({
      originalSize: [48, 48],
      cropOffset: [0, 0],
      aestheticScore: 1,
    });
    expect(() => muse.checkOptions({ ...greedy, microConditioning: { aestheticScore: Number.NaN } })).toThrow(
      'expected microConditioning.aestheticScore to be a number, got NaN',
    );
  });

  it('refuses a prompt that CLIP would cut off', () => {
    expect(() => muse.checkOptions({ prompt: 'cat '.repeat(80) })).toThrow('expected a prompt of at most 77 tokens');
  });

  it('encodes a text to the states that the transformer sees', async () => {
    const { embeds, mask, shape } = await muse.encodeText(greedy.prompt);
    const expected = loadGolden(`${folder('amused-tiny')}/expected.safetensors`).get('text.penultimate')!;
    expect(shape).toEqual([77, 42]);
    expect(mask).toEqual(new Float32Array(77).fill(1));
    expectClose(embeds, expected.data.subarray(0, 77 * 42), 1e-5);
  });
});
