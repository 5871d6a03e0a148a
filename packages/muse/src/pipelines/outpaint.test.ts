import { describe, expect, it } from 'vitest';
import { changedOutside, noise, pixel } from '../../test/pictures.js';
import { tinyMuse } from '../../test/tinyMuse.js';
import type { RgbaImage } from '../index.js';

const tiny = tinyMuse();
const prompt = 'a blue cat';

/** The image on a canvas of the grown size. */
function placed(image: RgbaImage, { left = 0, right = 0, top = 0, bottom = 0 }): RgbaImage {
  const [width, height] = [left + image.width + right, top + image.height + bottom];
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(4 * y * image.width, 4 * (y + 1) * image.width);
    data.set(row, 4 * ((top + y) * width + left));
  }
  return { width, height, data };
}

describe.each([
  { model: 'base', size: [16, 16], margins: { left: 8 }, numWindows: 1 },
  { model: 'base', size: [16, 16], margins: { left: 3, right: 9, top: 5, bottom: 1 }, numWindows: undefined },
  { model: 'base', size: [29, 19], margins: { bottom: 41 }, numWindows: undefined },
  { model: 'cascade', size: [7, 5], margins: { right: 30, top: 11 }, numWindows: undefined },
  { model: 'cascade', size: [1, 1], margins: { left: 8, bottom: 19 }, numWindows: undefined },
  { model: 'cascade', size: [32, 20], margins: { top: 1 }, numWindows: undefined },
] as const)('outpaint by $model of $size by $margins', ({ model, size, margins, numWindows }) => {
  it('grows the canvas, keeps the old pixels, paints every new one', async () => {
    const [width, height] = size;
    const image = noise(width, width, height);
    const told: number[] = [];
    const grown = await tiny.withoutLeak(() =>
      tiny[model].outpaint({
        image,
        prompt,
        seed: 2,
        numSteps: 2,
        ...margins,
        onStep: ({ window, numWindows }) => {
          expect(window).toBeLessThan(numWindows);
          told.push(window);
        },
      }),
    );
    const canvas = placed(image, margins);
    expect([grown.width, grown.height]).toEqual([canvas.width, canvas.height]);
    expect(changedOutside(canvas, grown, grown.mask)).toEqual([]);
    expect(grown.mask.data.filter((value) => value === 0)).toHaveLength(width * height);
    // Transparent to begin with, opaque when painted: the seam's inner pixels may keep some of the image's transparency.
    const isTransparent = Array.from(grown.mask.data.keys()).filter((i) => grown.data[4 * i + 3] === 0);
    expect(isTransparent.filter((i) => grown.mask.data[i] !== 0)).toEqual([]);
    expect([...new Set(told)]).toEqual(Array.from(grown.windows.keys()));
    if (numWindows !== undefined) expect(grown.windows).toHaveLength(numWindows);
    expect(grown.windows.at(-1)!.tokenIds).toEqual(grown.tokenIds);
  });
});

describe('outpaint', () => {
  const image = noise(3, 20, 16);

  it('repeats itself from its settings and seed; windows draw different numbers', async () => {
    const first = await tiny.base.outpaint({ image, prompt, left: 24, seed: 5 });
    expect(first.settings).toMatchObject({ left: 24, right: 0, top: 0, bottom: 0 });
    expect(await tiny.base.outpaint({ image, ...first.settings, seed: 5 })).toEqual(first);
    expect(first.windows).toHaveLength(3);
  });

  it('grows by the same pixels whatever is done to a copy of the image afterwards', async () => {
    const mine = { ...image, data: image.data.slice() };
    const grown = await tiny.base.outpaint({ image: mine, prompt, top: 2, seed: 1 });
    grown.data.fill(0);
    expect(mine.data).toEqual(image.data);
    expect(pixel(mine, 1, 1)).toEqual(pixel(image, 1, 1));
  });

  it.each([
    ['no margin', {}, 'expected left, right, top or bottom to be above 0, got 0 for all'],
    ['a negative margin', { left: -1 }, 'expected left to be an integer of at least 0, got -1'],
    ['half a pixel', { top: 0.5 }, 'expected top to be an integer of at least 0, got 0.5'],
    ['a canvas past any image', { left: 1e9 }, 'got one of 1000000020 × 16'],
    [
      'more windows than there are random streams',
      { left: 7999, top: 299, image: noise(1, 1, 1) },
      'at most 32768 windows',
    ],
    ['an empty prompt', { left: 1, prompt: '' }, '[muse] outpaint: expected a prompt'],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(tiny.base.outpaint({ image, prompt, ...wrong })).rejects.toThrow(message);
  });
});
