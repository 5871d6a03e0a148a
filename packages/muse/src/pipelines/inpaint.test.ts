import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, createBackend, randomUint32, uniform } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
import { writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Muse, maskFromBox, type RgbaImage, tokenMask } from '../index.js';

let backend: Backend;
let folder: string;
let muse: Muse;

beforeAll(async () => {
  backend = await createBackend({ device: 'wasm' });
  folder = await mkdtemp(join(tmpdir(), 'muse-inpaint-'));
  await writeTinyModel(backend, folder);
  muse = await Muse.fromPretrained(nodeFolder(folder), { backend });
});

afterAll(async () => {
  await muse.dispose();
  await rm(folder, { recursive: true });
});

const prompt = 'a red dog';

/** Noise, with its alpha. */
function noise(seed: number, width: number, height: number): RgbaImage {
  const data = Uint8ClampedArray.from(randomUint32({ seed, stage: 1 }, width * height * 4), (u) => u & 255);
  return { width, height, data };
}

/** Boxes, single pixels, everything. */
function someMask(seed: number, width: number, height: number) {
  const u = uniform({ seed, stage: 2 }, 5);
  if (seed % 5 === 4) return { width, height, data: new Uint8Array(width * height).fill(255) };
  const [x, y] = [Math.floor(u[0]! * width), Math.floor(u[1]! * height)];
  const mask = maskFromBox(
    { x, y, width: 1 + Math.floor(u[2]! * 11), height: 1 + Math.floor(u[3]! * 7) },
    { width, height },
  );
  mask.data[Math.floor(u[4]! * width * height)] = 3;
  return mask;
}

const sizes = [
  [16, 16],
  [23, 37],
  [41, 7],
  [3, 5],
  [1, 1],
] as const;

describe.each(sizes.flatMap(([width, height], i) => [0, 1, 2].map((j) => ({ width, height, seed: 4 * i + j }))))(
  'inpaint $width × $height, mask $seed',
  ({ width, height, seed }) => {
    it('keeps the pixels outside of the mask and the tokens that it does not touch', async () => {
      const image = noise(seed, width, height);
      const mask = someMask(seed, width, height);
      const before = image.data.slice();
      const numTensors = backend.tf.memory().numTensors;
      let first: Int32Array | undefined;
      const edited = await muse.inpaint({
        image,
        mask,
        prompt,
        seed,
        numSteps: 3,
        onStep: ({ tokenIds, step, grid }) => {
          expect(grid).toEqual([8, 8]);
          if (step === 1) first = tokenIds;
        },
      });
      expect(backend.tf.memory().numTensors).toBe(numTensors);
      expect(image.data).toEqual(before);
      expect([edited.width, edited.height]).toEqual([width, height]);
      expect(edited.mask).toEqual(mask);
      for (let i = 0; i < width * height; i++) {
        const pixel = (data: Uint8ClampedArray) => [...data.subarray(4 * i, 4 * i + 4)];
        if (mask.data[i] === 0) expect(pixel(edited.data)).toEqual(pixel(image.data));
      }
      expect(edited.tokenMask).toEqual(tokenMask(mask, [8, 8], edited.region));
      edited.tokenMask.forEach((masked, i) => {
        if (masked === 0) expect(edited.tokenIds[i]).toBe(first![i]);
      });
    });
  },
);

describe('inpaint', () => {
  const image = noise(100, 32, 24);
  const mask = maskFromBox({ x: 5, y: 6, width: 9, height: 11 }, image);

  it('repeats itself from its settings and seed, and heeds prompt and seed', async () => {
    const first = await muse.inpaint({ image, mask, prompt, seed: 7 });
    expect(await muse.inpaint({ image, mask, ...first.settings, seed: first.seed })).toEqual(first);
    const other = await muse.inpaint({ image, mask, prompt, seed: 8 });
    expect(other.data).not.toEqual(first.data);
    const cat = await muse.inpaint({ image, mask, prompt: 'a smiling cat', seed: 7, guidanceSchedule: 'constant' });
    expect(cat.tokenIds).not.toEqual(first.tokenIds);
  });

  it('does not look at what is under the mask', async () => {
    const hidden = { ...image, data: image.data.slice() };
    mask.data.forEach((value, i) => {
      if (value !== 0) hidden.data.set([255, 0, 255, 31], 4 * i);
    });
    const options = { mask, prompt, seed: 3 };
    expect(await muse.inpaint({ ...options, image: hidden })).toEqual(await muse.inpaint({ ...options, image }));
  });

  it('paints a fresh image under a full mask: what generate makes of the seed', async () => {
    const full = { width: 16, height: 16, data: new Uint8Array(256).fill(1) };
    const edited = await muse.inpaint({ image: noise(1, 16, 16), mask: full, prompt, seed: 9 });
    const [fresh] = await muse.generate({ prompt, seed: 9 });
    expect(edited.tokenIds).toEqual(fresh!.tokenIds);
    expect(edited.data).toEqual(fresh!.data);
  });

  it('is aborted between steps and leaves nothing', async () => {
    const controller = new AbortController();
    const numTensors = backend.tf.memory().numTensors;
    const onStep = () => controller.abort();
    const run = muse.inpaint({ image, mask, prompt, signal: controller.signal, onStep });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    expect(backend.tf.memory().numTensors).toBe(numTensors);
  });

  it.each([
    ['an image of too few values', { image: { ...image, data: image.data.subarray(4) } }, 'expected an RGBA image'],
    ['no image', { image: undefined }, 'got undefined × undefined'],
    [
      'a mask of another size',
      { mask: { width: 24, height: 32, data: mask.data } },
      "the image's size 32 × 24, got 24 × 32",
    ],
    ['a mask of too few values', { mask: { ...mask, data: new Uint8Array(7) } }, 'with 7 values'],
    ['an empty mask', { mask: { ...mask, data: new Uint8Array(32 * 24) } }, 'got an empty one'],
    ['an empty prompt', { prompt: ' ' }, 'expected a prompt that says what to draw'],
    ['a prompt outside of the vocabulary', { prompt: 'قطة' }, 'ق (U+0642)'],
    ['a setting out of its range', { numSteps: 0 }, '[muse] inpaint: expected numSteps'],
  ])('refuses %s before it computes anything', async (_, wrong, message) => {
    let numSteps = 0;
    const run = muse.inpaint({ image, mask, prompt, onStep: () => void numSteps++, ...wrong } as never);
    await expect(run).rejects.toThrow(message);
    expect(numSteps).toBe(0);
  });
});
