import { describe, expect, it } from 'vitest';
import { changedOutside, noise, opaqueNoise } from '../../test/pictures.js';
import { tinyMuse } from '../../test/tinyMuse.js';

const tiny = tinyMuse();
const prompt = 'a smiling cat';

describe.each([
  { model: 'base', side: 16, stage: 'base' },
  { model: 'cascade', side: 32, stage: 'super-res' },
] as const)('variations by $model', ({ model, side, stage }) => {
  const image = noise(5, side, side);

  it('are the reconstruction at strength 0, without a step', async () => {
    const muse = tiny[model];
    let numSteps = 0;
    const [same] = await tiny.withoutLeak(() =>
      muse.variations({ image, prompt, strength: 0, onStep: () => void numSteps++ }),
    );
    const { tokenIds, grid } = await muse.encodeImage(image, stage);
    expect(same!.tokenIds).toEqual(tokenIds);
    expect(same!.data).toEqual((await muse.decodeTokens(tokenIds, grid, stage)).data);
    expect(numSteps).toBe(0);
  });

  it('are what generate makes at strength 1', async () => {
    const made = await tiny[model].variations({ image, prompt, strength: 1, seed: 8, count: 2 });
    const fresh = await tiny[model].generate({ prompt, seed: 8, count: 2 });
    expect(made.map(({ tokenIds }) => tokenIds)).toEqual(fresh.map(({ tokenIds }) => tokenIds));
    expect(made.map(({ data }) => data)).toEqual(fresh.map(({ data }) => data));
    expect(made.map(({ seed }) => seed)).toEqual([8, 9]);
  });

  it('sample nested sets of tokens, and keep the others', async () => {
    const { tokenIds: before } = await tiny[model].encodeImage(image, stage);
    let smaller = new Uint8Array(before.length);
    for (const strength of [0.1, 0.3, 0.6, 0.9]) {
      const [made] = await tiny[model].variations({ image, prompt, strength, seed: 3 });
      const { tokenIds, tokenMask } = made!;
      expect(tokenMask.filter(Boolean)).toHaveLength(Math.round(64 * strength) * (before.length / 64));
      tokenMask.forEach((isNew, i) => {
        expect(isNew).toBeGreaterThanOrEqual(smaller[i]!);
        if (isNew === 0) expect(tokenIds[i]).toBe(before[i]);
      });
      smaller = tokenMask.slice();
    }
  });
});

describe('variations', () => {
  const image = opaqueNoise(2, 21, 13);

  it('need no prompt, and are not guided without one', async () => {
    const scales: number[] = [];
    const onStep = ({ guidanceScale }: { guidanceScale: number }) => void scales.push(guidanceScale);
    const [made] = await tiny.cascade.variations({ image, strength: 0.5, seed: 1, onStep });
    expect(new Set(scales)).toEqual(new Set([0]));
    expect([made!.width, made!.height]).toEqual([21, 13]);
    expect(await tiny.cascade.variations({ image, strength: 0.5, ...made!.settings, seed: 1 })).toEqual([made]);
    const guided = await tiny.base.variations({ image, strength: 1, seed: 1, negativePrompt: 'a dog' });
    expect(guided[0]!.settings.guidanceScale).toBe(2);
  });

  it('keep the pixels of kept tokens when told to', async () => {
    const [made] = await tiny.base.variations({ image, strength: 0.2, prompt, seed: 1, preserveOutside: true });
    expect(made!.mask.data.includes(0) && made!.mask.data.includes(1)).toBe(true);
    expect(changedOutside(image, made!, made!.mask)).toEqual([]);
    const [untouched] = await tiny.base.variations({ image, strength: 0, preserveOutside: true });
    expect(untouched!.data).toEqual(image.data);
  });

  it.each([
    [{ strength: -0.1 }, 'expected strength to be in [0, 1], got -0.1'],
    [{ strength: 1.01 }, 'got 1.01'],
    [{ strength: undefined }, 'got undefined'],
    [{ prompt: ' ' }, 'expected a prompt that says what to draw, got an empty one'],
    [{ count: 0 }, '[muse] variations: expected count'],
    [{ image: { width: 0, height: 0, data: new Uint8ClampedArray() } }, 'got 0 × 0'],
  ])('refuse %j', async (wrong, message) => {
    await expect(tiny.base.variations({ image, strength: 0.5, ...wrong } as never)).rejects.toThrow(message);
  });
});
