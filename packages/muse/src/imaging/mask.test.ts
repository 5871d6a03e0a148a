import { ConfigError, randomUint32 } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { someMask } from '../../test/pictures.js';
import { maskFromBox, maskFromRgba, tokenMask } from '../index.js';
import { maskBox, maskFromTokens } from './mask.js';

/** Rows of a mask or a grid of tokens, as text. */
function rows(data: Uint8Array, width: number): string[] {
  const text = [...data].map((value) => (value === 0 ? '.' : '#')).join('');
  return Array.from({ length: data.length / width }, (_, y) => text.slice(y * width, (y + 1) * width));
}

describe('maskFromRgba', () => {
  it('takes white and transparent for repaint, black and opaque for keep', () => {
    const pixels = [
      [255, 255, 255, 255],
      [0, 0, 0, 255],
      [0, 0, 0, 0],
      [127, 127, 127, 255],
      [128, 128, 128, 255],
      [0, 0, 255, 127],
      [0, 0, 255, 128],
    ];
    const image = { width: 7, height: 1, data: Uint8ClampedArray.from(pixels.flat()) };
    expect(rows(maskFromRgba(image).data, 7)).toEqual(['#.#.##.']);
  });
});

describe('maskFromBox', () => {
  it('marks the box, cut off at the image', () => {
    const mask = maskFromBox({ x: 3, y: -1, width: 9, height: 3 }, { width: 5, height: 3 });
    expect(rows(mask.data, 5)).toEqual(['...##', '...##', '.....']);
  });

  it.each([
    [{ x: 5, y: 0, width: 1, height: 1 }, 'expected a box within the image of 5 × 3, got [5,0,1,1]'],
    [{ x: -4, y: 0, width: 4, height: 1 }, 'within the image'],
    [{ x: 0, y: 0, width: 0, height: 1 }, 'at least 1 wide and high, got [0,0,0,1]'],
    [{ x: 0.5, y: 0, width: 1, height: 1 }, 'of integers'],
  ])('refuses %j', (box, message) => {
    const call = () => maskFromBox(box, { width: 5, height: 3 });
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});

describe('tokenMask', () => {
  it('masks a token with a single masked pixel', () => {
    const mask = maskFromBox({ x: 7, y: 8, width: 2, height: 1 }, { width: 16, height: 16 });
    expect(rows(tokenMask(mask, [2, 2]), 2)).toEqual(['..', '##']);
  });

  it('masks both tokens that share a pixel', () => {
    // 5 pixels over 2 tokens: the middle one lies in both.
    const mask = maskFromBox({ x: 2, y: 0, width: 1, height: 1 }, { width: 5, height: 1 });
    expect(rows(tokenMask(mask, [1, 2]), 2)).toEqual(['##']);
  });

  it('masks all tokens within a pixel', () => {
    const mask = maskFromBox({ x: 1, y: 0, width: 1, height: 1 }, { width: 2, height: 2 });
    expect(rows(tokenMask(mask, [4, 6]), 6)).toEqual(['...###', '...###', '......', '......']);
  });

  it('looks at a region, and repeats the mask at the edges', () => {
    const mask = maskFromBox({ x: 0, y: 0, width: 1, height: 4 }, { width: 4, height: 4 });
    expect(rows(tokenMask(mask, [2, 4], { x: -2, y: 0, width: 4, height: 4 }), 4)).toEqual(['###.', '###.']);
  });

  it.each(Array.from({ length: 30 }, (_, seed) => seed))(
    'is every token with a masked pixel and no other (%i)',
    (seed) => {
      const [w, h, gw, gh] = [...randomUint32({ seed, stage: 4 }, 4)].map((u, i) => 1 + (u % [31, 23, 11, 7][i]!));
      const mask = someMask(seed, w!, h!);
      const tokens = tokenMask(mask, [gh!, gw!]);
      const expected = new Uint8Array(gw! * gh!);
      for (let row = 0; row < gh!; row++) {
        for (let column = 0; column < gw!; column++) {
          for (let y = 0; y < h!; y++) {
            for (let x = 0; x < w!; x++) {
              // Open intervals that meet, multiplied out to integers.
              const meetsX = x * gw! < (column + 1) * w! && column * w! < (x + 1) * gw!;
              const meetsY = y * gh! < (row + 1) * h! && row * h! < (y + 1) * gh!;
              if (meetsX && meetsY && mask.data[y * w! + x] !== 0) expected[row * gw! + column] = 1;
            }
          }
        }
      }
      expect(tokens).toEqual(expected);
    },
  );
});

describe('maskFromTokens', () => {
  it('is the pixels under the tokens', () => {
    const tokens = Uint8Array.of(0, 1, 0, 0);
    const region = { x: -1, y: 0, width: 6, height: 4 };
    expect(rows(maskFromTokens(tokens, [2, 2], region, { width: 4, height: 4 }).data, 4)).toEqual([
      '..##',
      '..##',
      '....',
      '....',
    ]);
  });

  it('holds no pixel of a token that is not masked, unless they share it', () => {
    const tokens = Uint8Array.of(1, 0);
    const region = { x: 0, y: 0, width: 5, height: 1 };
    expect(rows(maskFromTokens(tokens, [1, 2], region, { width: 5, height: 1 }).data, 5)).toEqual(['###..']);
  });
});

describe('maskBox', () => {
  it('is the smallest rectangle around what is masked', () => {
    const data = new Uint8Array(7 * 5);
    expect(maskBox({ width: 7, height: 5, data })).toBeUndefined();
    data[1 * 7 + 5] = 1;
    data[3 * 7 + 2] = 200;
    expect(maskBox({ width: 7, height: 5, data })).toEqual({ x: 2, y: 1, width: 4, height: 3 });
  });
});
