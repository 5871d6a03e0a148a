import { describe, expect, it } from 'vitest';
import { changedOutside, noise, someMask } from '../../test/pictures.js';
import { tinyMuse } from '../../test/tinyMuse.js';
import { type GenerationStep, maskFromBox, tokenMask } from '../index.js';

const tiny = tinyMuse();
const prompt = 'a red dog';

const sizes = [
  [16, 16],
  [23, 37],
  [41, 7],
  [3, 5],
  [1, 1],
] as const;
const cases = sizes.flatMap(([width, height], i) =>
  (['base', 'cascade'] as const).flatMap((model, j) =>
    [0, 1].map((k) => ({ model, width, height, seed: 4 * i + 2 * j + k })),
  ),
);

describe.each(cases)('inpaint by $model of $width × $height, mask $seed', ({ model, width, height, seed }) => {
  it('keeps the pixels outside of the mask and, in each stage, the tokens that it does not touch', async () => {
    const image = noise(seed, width, height);
    const mask = someMask(seed, width, height);
    const before = image.data.slice();
    const first: Partial<Record<string, GenerationStep>> = {};
    const edited = await tiny.withoutLeak(() =>
      tiny[model].inpaint({
        image,
        mask,
        prompt,
        seed,
        numSteps: 3,
        onStep: (step) => {
          first[step.stage] ??= step;
        },
      }),
    );
    expect(image.data).toEqual(before);
    expect([edited.width, edited.height]).toEqual([width, height]);
    expect(edited.mask).toEqual(mask);
    expect(changedOutside(image, edited, mask)).toEqual([]);
    expect(edited.grid).toEqual(model === 'base' ? [8, 8] : [16, 16]);
    expect(edited.tokenMask).toEqual(tokenMask(mask, edited.grid, edited.region));
    const stages = { base: edited.base ?? edited, ...(edited.base && { 'super-res': edited }) };
    expect(Object.keys(first)).toEqual(Object.keys(stages));
    for (const [name, { tokenIds, grid }] of Object.entries(stages)) {
      const isNew = tokenMask(mask, grid, edited.region);
      const kept = (ids: Int32Array) => [...ids].filter((_, i) => isNew[i] === 0);
      expect(kept(tokenIds)).toEqual(kept(first[name]!.tokenIds));
    }
  });
});

describe('inpaint', () => {
  const image = noise(100, 32, 24);
  const mask = maskFromBox({ x: 5, y: 6, width: 9, height: 11 }, image);

  it('repeats itself from its settings and seed, and heeds prompt and seed', async () => {
    const first = await tiny.cascade.inpaint({ image, mask, prompt, seed: 7 });
    expect(await tiny.cascade.inpaint({ image, mask, ...first.settings, seed: first.seed })).toEqual(first);
    const other = await tiny.cascade.inpaint({ image, mask, prompt, seed: 8 });
    expect(other.data).not.toEqual(first.data);
    const cat = await tiny.base.inpaint({
      image,
      mask,
      prompt: 'a smiling cat',
      seed: 7,
      guidanceSchedule: 'constant',
    });
    const dog = await tiny.base.inpaint({ image, mask, prompt, seed: 7, guidanceSchedule: 'constant' });
    expect(cat.tokenIds).not.toEqual(dog.tokenIds);
  });

  it('does not look at what is under the mask', async () => {
    const hidden = { ...image, data: image.data.slice() };
    mask.data.forEach((value, i) => {
      if (value !== 0) hidden.data.set([255, 0, 255, 31], 4 * i);
    });
    const options = { mask, prompt, seed: 3 };
    expect(await tiny.cascade.inpaint({ ...options, image: hidden })).toEqual(
      await tiny.cascade.inpaint({ ...options, image }),
    );
  });

  it.each(['base', 'cascade'] as const)(
    'paints a fresh image under a full mask: what generate makes (%s)',
    async (model) => {
      const side = model === 'base' ? 16 : 32;
      const full = { width: side, height: side, data: new Uint8Array(side * side).fill(1) };
      const edited = await tiny[model].inpaint({ image: noise(1, side, side), mask: full, prompt, seed: 9 });
      const [fresh] = await tiny[model].generate({ prompt, seed: 9 });
      expect(edited.tokenIds).toEqual(fresh!.tokenIds);
      expect(edited.data).toEqual(fresh!.data);
    },
  );

  it('shows the model no more of a large image than four times what is masked', async () => {
    const large = noise(4, 200, 150);
    const box = { x: 120, y: 20, width: 10, height: 20 };
    const { region } = await tiny.base.inpaint({ image: large, mask: maskFromBox(box, large), prompt, seed: 1 });
    expect(region).toEqual({ x: 85, y: 0, width: 80, height: 80 });
  });

  it('is aborted between steps and leaves nothing', async () => {
    const controller = new AbortController();
    const onStep = () => controller.abort();
    await tiny.withoutLeak(async () => {
      const run = tiny.cascade.inpaint({ image, mask, prompt, signal: controller.signal, onStep });
      await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  it.each([
    ['an image of too few values', { image: { ...image, data: image.data.subarray(4) } }, 'expected an RGBA image'],
    ['no image', { image: undefined }, 'got undefined × undefined'],
    ['a mask of another size', { mask: { width: 24, height: 32, data: mask.data } }, 'size 32 × 24, got 24 × 32'],
    ['a mask of too few values', { mask: { ...mask, data: new Uint8Array(7) } }, 'with 7 values'],
    ['an empty mask', { mask: { ...mask, data: new Uint8Array(32 * 24) } }, 'got an empty one'],
    ['an empty prompt', { prompt: ' ' }, 'expected a prompt that says what to draw'],
    ['a prompt outside of the vocabulary', { prompt: 'قطة' }, 'ق (U+0642)'],
    ['a setting out of its range', { numSteps: 0 }, '[muse] inpaint: expected numSteps'],
    ['a second stage that is not there', { superRes: true }, 'expected a model with a super-resolution stage'],
  ])('refuses %s before it computes anything', async (_, wrong, message) => {
    let numSteps = 0;
    const onStep = () => {
      numSteps++;
    };
    const run = tiny.base.inpaint({ image, mask, prompt, onStep, ...wrong } as never);
    await expect(run).rejects.toThrow(message);
    expect(numSteps).toBe(0);
  });
});
