import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maskFromBox } from '../src/index.js';
import { Muse } from '../src/node/index.js';
import { changedOutside, noise, someMask } from './pictures.js';

let muse: Muse;
const prompt = 'a red apple, flat style';
/** Few steps of both stages: what is checked here does not depend on how many. */
const few = { numSteps: 2, superResSampling: { numSteps: 2 } };

beforeAll(async () => {
  muse = await Muse.fromPretrained('@muse/model-emoji', { device: 'wasm', resolveFrom: import.meta.url });
});

afterAll(() => muse.dispose());

describe('the bundled model', () => {
  it.each([
    [64, 64],
    [128, 96],
    [50, 201],
  ])('inpaints %i × %i: pixels outside of random masks stay', async (width, height) => {
    for (const seed of [width, width + 1]) {
      const image = noise(seed, width, height);
      const mask = someMask(seed, width, height);
      const edited = await muse.inpaint({ image, mask, prompt, seed, ...few });
      expect(changedOutside(image, edited, mask)).toEqual([]);
      expect(edited.data).not.toEqual(image.data);
    }
  });

  it('inpaints a picture of 8000 × 8000', async () => {
    const image = { width: 8000, height: 8000, data: new Uint8ClampedArray(8000 * 8000 * 4).fill(200) };
    for (let i = 0; i < image.data.length; i += 4099) image.data[i] = i % 251;
    const box = { x: 7000, y: 100, width: 120, height: 90 };
    const edited = await muse.inpaint({ image, mask: maskFromBox(box, image), prompt, seed: 1, ...few });
    expect([edited.width, edited.height]).toEqual([8000, 8000]);
    expect(edited.region.width).toBe(480);
    const row = (data: Uint8ClampedArray, y: number) => Buffer.from(data.subarray(32_000 * y, 32_000 * (y + 1)));
    for (const y of [0, 99, 190, 7999]) expect(row(edited.data, y).equals(row(image.data, y))).toBe(true);
    expect(row(edited.data, 150).equals(row(image.data, 150))).toBe(false);
  });

  it('outpaints, edits and varies: same seed, same bytes', async () => {
    const [image] = await muse.generate({ prompt, seed: 3, numSteps: 2, superRes: false });
    const options = { image: image!, prompt, seed: 4 };
    const twice = async (run: () => Promise<{ data: Uint8ClampedArray }>) => {
      const first = await run();
      expect((await run()).data).toEqual(first.data);
    };
    await twice(() => muse.outpaint({ ...options, right: 16, ...few }));
    await twice(() => muse.edit({ ...options, strength: 0.03, superRes: false }));
    await twice(async () => (await muse.variations({ ...options, strength: 0.5, ...few }))[0]!);
  });
});
