import { describe, expect, it } from 'vitest';
import { changedOutside, noise } from '../../test/pictures.js';
import { tinyMuse } from '../../test/tinyMuse.js';
import type { GenerationStep } from '../index.js';

const tiny = tinyMuse();
const prompt = 'a red dog';
const image = noise(6, 16, 16);

describe('edit', () => {
  it("runs the paper's loop: 100 iterations of 8% of the tokens, t = 4, top-k 3", async () => {
    const steps: GenerationStep[] = [];
    const onStep = (step: GenerationStep) => void steps.push(step);
    const edited = await tiny.withoutLeak(() => tiny.base.edit({ image, prompt, seed: 1, onStep }));
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    // 8% of 64 is 5.12.
    for (const { decided, guidanceScale, numSteps } of steps) {
      expect(decided.filter(Boolean)).toHaveLength(5);
      expect([guidanceScale, numSteps]).toEqual([4, 100]);
    }
    expect(edited.settings).toMatchObject({ numSteps: 100, guidanceScale: 4, topK: 3, strength: 1, remaskRatio: 0.08 });
    expect(edited.tokenIds).toEqual(steps.at(-1)!.tokenIds);
    expect((await steps.at(-1)!.preview()).data).toEqual(edited.data);
  });

  it('says which tokens changed', async () => {
    const { tokenIds: before } = await tiny.base.encodeImage(image);
    const { tokenIds, tokenMask } = await tiny.base.edit({ image, prompt, seed: 1, strength: 0.05 });
    expect([...tokenMask]).toEqual([...tokenIds].map((id, i) => (id === before[i] ? 0 : 1)));
    expect(tokenMask.includes(0) && tokenMask.includes(1)).toBe(true);
  });

  it('runs a share of the iterations: those of a full run, up to there', async () => {
    const steps: GenerationStep[] = [];
    const options = { image, prompt, seed: 4, numSteps: 20 };
    await tiny.base.edit({ ...options, onStep: (step) => void steps.push(step) });
    const half = await tiny.base.edit({ ...options, strength: 0.5 });
    expect(half.tokenIds).toEqual(steps[9]!.tokenIds);
    expect((await tiny.base.edit({ ...options, strength: 0.001 })).tokenIds).toEqual(steps[0]!.tokenIds);
  });

  it('heeds the negative prompt, and repeats itself from its settings and seed', async () => {
    const options = { image, prompt, seed: 2, numSteps: 10 };
    const first = await tiny.cascade.edit({ ...options, negativePrompt: 'a blue cat', strength: 0.7 });
    expect(await tiny.cascade.edit({ image, ...first.settings, seed: 2 })).toEqual(first);
    expect((await tiny.cascade.edit({ ...options, strength: 0.7 })).tokenIds).not.toEqual(first.tokenIds);
  });

  it('samples the fine tokens over changed ones, and keeps the others', async () => {
    const picture = noise(8, 32, 32);
    const { tokenIds: before } = await tiny.cascade.encodeImage(picture, 'super-res');
    const edited = await tiny.cascade.edit({ image: picture, prompt, seed: 3, numSteps: 2 });
    const base = await tiny.base.edit({ image: picture, prompt, seed: 3, numSteps: 2 });
    expect(edited.base!.tokenIds).toEqual(base.tokenIds);
    expect(edited.grid).toEqual([16, 16]);
    edited.tokenIds.forEach((id, i) => {
      const coarse = (i >> 5) * 8 + ((i & 15) >> 1);
      expect(edited.tokenMask[i]).toBe(base.tokenMask[coarse]);
      if (edited.tokenMask[i] === 0) expect(id).toBe(before[i]);
    });
  });

  it.each([
    [16, 16],
    [37, 11],
    [5, 23],
  ])('keeps the pixels of unchanged tokens of %i × %i when told to', async (width, height) => {
    const picture = noise(9, width, height);
    const options = { image: picture, prompt, seed: 6, strength: 0.05 };
    const edited = await tiny.cascade.edit({ ...options, preserveOutside: true });
    expect([edited.width, edited.height]).toEqual([width, height]);
    expect(edited.mask.data.includes(0) && edited.mask.data.includes(1)).toBe(true);
    expect(changedOutside(picture, edited, edited.mask)).toEqual([]);
    const whole = await tiny.cascade.edit(options);
    expect(whole.mask.data.every((value) => value === 1)).toBe(true);
    expect(whole.tokenIds).toEqual(edited.tokenIds);
  });

  it.each([
    [{ strength: 0 }, 'expected strength to be in (0, 1], got 0'],
    [{ strength: 1.5 }, 'got 1.5'],
    [{ remaskRatio: 0 }, 'expected remaskRatio to be in (0, 1], got 0'],
    [{ numSteps: 0 }, '[muse] edit: expected numSteps'],
    [{ prompt: '' }, 'expected a prompt'],
    [{ image: undefined }, 'expected an RGBA image'],
  ])('refuses %j', async (wrong, message) => {
    await expect(tiny.base.edit({ image, prompt, ...wrong } as never)).rejects.toThrow(message);
  });
});
