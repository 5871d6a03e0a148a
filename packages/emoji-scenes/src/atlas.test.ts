import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { type AtlasIndex, atlasFrom } from './atlas.js';
import { loadAtlas } from './node/index.js';
import { renderScene } from './render.js';
import { makeSingle, sampleScene } from './scene.js';
import { names, styles } from './vocabulary.js';

const index: AtlasIndex = {
  spriteSize: 3,
  numColumns: 11,
  styles: styles.map((name, i) => ({ name, file: `${i}.png` })),
  names,
};
const width = 33;
const height = 36; // 131 names in 12 rows

/** A sheet whose cell `n` has the level n in red, full green, and the alpha of `alphaAt` for each of its 9 pixels. */
function sheet(alphaAt: (pixel: number) => number): Uint8Array {
  const data = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor(y / 3) * 11 + Math.floor(x / 3);
      data.set([cell, 255, 0, alphaAt((y % 3) * 3 + (x % 3))], (y * width + x) * 4);
    }
  }
  return encode({ width, height, channels: 4, data });
}

const files = new Map(styles.map((_, i) => [`${i}.png`, sheet((pixel) => (i === 0 ? 255 : pixel * 20))]));

describe('atlasFrom', () => {
  const atlas = atlasFrom(index, files);

  test('finds each name in its cell', () => {
    names.forEach((name, cell) => {
      expect(atlas.sprite(name, styles[0], 3)[0]).toBeCloseTo(cell / 255, 6);
    });
  });

  test('multiplies colours by alpha', () => {
    const sprite = atlas.sprite(names[100]!, styles[1], 3); // pixel 4 has alpha 80
    const alpha = 80 / 255;
    [(100 / 255) * alpha, alpha, 0, alpha].forEach((value, c) => {
      expect(sprite[4 * 4 + c]).toBeCloseTo(value, 6);
    });
  });

  test('makes a pixel the mean of the area under it', () => {
    // Alphas 0 20 40 / 60 80 100 / 120 140 160 at 2 × 2: each pixel covers 1.5 × 1.5 of them.
    const sprite = atlas.sprite(names[0]!, styles[1], 2);
    const first = (1 * 0 + 0.5 * 20 + 0.5 * 60 + 0.25 * 80) / 2.25 / 255;
    const last = (1 * 160 + 0.5 * 140 + 0.5 * 100 + 0.25 * 80) / 2.25 / 255;
    expect(sprite.length).toBe(16);
    expect(sprite[3]).toBeCloseTo(first, 6);
    expect(sprite[15]).toBeCloseTo(last, 6);
  });

  test('keeps the mean at any size', () => {
    for (const size of [1, 2, 4, 5]) {
      const sprite = atlas.sprite(names[7]!, styles[2], size);
      let sum = 0;
      for (let i = 3; i < sprite.length; i += 4) sum += sprite[i]!;
      expect(sum / (size * size)).toBeCloseTo(80 / 255, 6);
    }
  });

  test('says which file is missing', () => {
    const some = new Map([...files].slice(0, 2));
    expect(() => atlasFrom(index, some)).toThrow('[emoji-scenes] atlasFrom: expected a file for Noto style, got 2.png');
  });

  test('refuses the names of another version, and a sheet of another width', () => {
    expect(() => atlasFrom({ ...index, names: names.slice(1) }, files)).toThrow(
      'expected an atlas of 131 names, got another of 130',
    );
    expect(() => atlasFrom({ ...index, numColumns: 12 }, files)).toThrow('expected 0.png as RGBA of width 36');
  });
});

describe('the atlas of the package', () => {
  test('has a drawing that fills its cell for every name in every style, no two alike', async () => {
    const atlas = await loadAtlas();
    const seen = new Map<string, string>();
    for (const style of styles) {
      for (const name of names) {
        const sprite = atlas.sprite(name, style, 64);
        const covered = sprite.filter((_, i) => i % 4 === 3).reduce((sum, alpha) => sum + alpha, 0) / 64 ** 2;
        expect(covered, `${name}, ${style}`).toBeGreaterThan(0.15);
        expect(covered, `${name}, ${style}`).toBeLessThan(0.95);
        const key = sprite.join();
        expect(seen.get(key), `${name}, ${style}`).toBeUndefined();
        seen.set(key, name);
      }
    }
  });

  test('renders values in [0, 1] at any size, the same each time', async () => {
    const atlas = await loadAtlas();
    for (let seed = 0; seed < 100; seed++) {
      const pixels = renderScene(atlas, sampleScene({ seed, jitter: 5 }), seed % 2 ? 64 : 128);
      expect(pixels.every((x) => x >= 0 && x <= 1 + 1e-6)).toBe(true);
    }
    const scene = makeSingle('fox', 'flat style', 'purple', 'big');
    expect(renderScene(await loadAtlas(), scene)).toEqual(renderScene(atlas, scene));
  });
});
