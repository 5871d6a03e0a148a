import { describe, expect, it } from 'vitest';
import { noise } from '../../test/pictures.js';
import { tinyMuse } from '../../test/tinyMuse.js';
import type { GenerationStep } from '../index.js';

const tiny = tinyMuse();
const prompt = 'a smiling cat';

describe('generate by a cascade', () => {
  it('runs both stages, the second at its own size and settings', async () => {
    const steps: GenerationStep[] = [];
    const onStep = async (step: GenerationStep) => {
      steps.push(step);
      const { width } = await step.preview();
      expect(width).toBe(step.stage === 'base' ? 16 : 32);
    };
    const [image] = await tiny.withoutLeak(() => tiny.cascade.generate({ prompt, seed: 5, onStep }));
    expect(steps.map(({ stage, step }) => `${stage} ${step}`)).toEqual([
      ...[1, 2, 3, 4, 5].map((step) => `base ${step}`),
      ...[1, 2, 3].map((step) => `super-res ${step}`),
    ]);
    expect(image).toMatchObject({ width: 32, height: 32, grid: [16, 16], base: { grid: [8, 8] } });
    expect(image!.tokenIds).toHaveLength(256);
    expect(image!.settings).toMatchObject({ superRes: true, superResSampling: { numSteps: 3, guidanceScale: 1 } });
    expect(image!.data).toEqual((await tiny.cascade.decodeTokens(image!.tokenIds, image!.grid, 'super-res')).data);
  });

  it('has the base tokens that the base alone makes', async () => {
    const [fine] = await tiny.cascade.generate({ prompt, seed: 6 });
    const [coarse] = await tiny.cascade.generate({ prompt, seed: 6, superRes: false });
    const [base] = await tiny.base.generate({ prompt, seed: 6 });
    expect(fine!.base!.tokenIds).toEqual(coarse!.tokenIds);
    expect(coarse!.data).toEqual(base!.data);
    expect(coarse!.settings.superRes).toBe(false);
    expect('base' in coarse!).toBe(false);
  });

  it('repeats both kinds to the byte from their settings', async () => {
    for (const superRes of [true, false]) {
      const superResSampling = superRes ? { numSteps: 2, topK: 5 } : undefined;
      const first = await tiny.cascade.generate({ prompt, seed: 2, superRes, superResSampling, count: 2 });
      for (const image of first) {
        expect(await tiny.cascade.generate({ ...image.settings, seed: image.seed })).toEqual([image]);
      }
    }
  });

  it('is aborted within the second stage and leaves nothing', async () => {
    const controller = new AbortController();
    const onStep = ({ stage }: GenerationStep) => {
      if (stage === 'super-res') controller.abort();
    };
    await tiny.withoutLeak(async () => {
      const run = tiny.cascade.generate({ prompt, signal: controller.signal, onStep });
      await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  it('refuses settings of a stage that is not there, or out of their range', async () => {
    const message = 'expected a model with a super-resolution stage, got one without';
    await expect(tiny.base.generate({ prompt, superRes: true })).rejects.toThrow(message);
    await expect(tiny.base.generate({ prompt, superResSampling: { numSteps: 2 } })).rejects.toThrow(message);
    await expect(tiny.base.upscale({ prompt, image: noise(1, 16, 16) })).rejects.toThrow(message);
    await expect(tiny.base.encodeImage(noise(1, 16, 16), 'super-res')).rejects.toThrow(message);
    const wrong = { prompt, superResSampling: { numSteps: 0 } };
    await expect(tiny.cascade.generate(wrong)).rejects.toThrow('expected numSteps to be an integer of at least 1');
    expect([tiny.base.hasSuperRes, tiny.cascade.hasSuperRes]).toEqual([false, true]);
  });
});

describe('upscale', () => {
  it("samples the second stage alone, from the image's base tokens", async () => {
    const image = noise(3, 16, 16);
    const stages = new Set<string>();
    const fine = await tiny.withoutLeak(() =>
      tiny.cascade.upscale({ image, prompt, seed: 4, onStep: ({ stage }) => void stages.add(stage) }),
    );
    expect([...stages]).toEqual(['super-res']);
    expect(fine).toMatchObject({ width: 32, height: 32, grid: [16, 16] });
    expect(fine.base).toEqual(await tiny.cascade.encodeImage(image));
    expect(fine.settings).toMatchObject({ numSteps: 3, guidanceScale: 1 });
    expect(await tiny.cascade.upscale({ image, ...fine.settings, seed: 4 })).toEqual(fine);
  });

  it('does to a generated image what its second stage did', async () => {
    const [whole] = await tiny.cascade.generate({ prompt, seed: 11 });
    const tokens = whole!.base!;
    const picture = await tiny.cascade.decodeTokens(tokens.tokenIds, tokens.grid);
    const again = await tiny.cascade.upscale({ image: picture, prompt, seed: 11 });
    // A picture's tokens need not be those that it was made of.
    const { tokenIds } = await tiny.cascade.encodeImage(picture);
    expect(again.base!.tokenIds).toEqual(tokenIds);
    const differs = `${tokenIds}` !== `${tokens.tokenIds}`;
    expect(`${again.tokenIds}` !== `${whole!.tokenIds}`).toBe(differs);
  });

  it.each([
    [48, 24, 32, 16],
    [10, 31, 10, 32],
    [1, 100, 1, 32],
  ])(
    'makes the longer side of %i × %i that of the second stage: %i × %i',
    async (width, height, newWidth, newHeight) => {
      const fine = await tiny.cascade.upscale({ image: noise(1, width, height), prompt, seed: 1 });
      expect([fine.width, fine.height]).toEqual([newWidth, newHeight]);
      expect(fine.data).toHaveLength(newWidth * newHeight * 4);
    },
  );
});
