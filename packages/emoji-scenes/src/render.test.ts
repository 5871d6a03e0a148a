import { describe, expect, test } from 'vitest';
import type { Atlas } from './atlas.js';
import { renderScene } from './render.js';
import { countScene, makeSingle, type Scene } from './scene.js';
import { backgroundColours, type EmojiName } from './vocabulary.js';

/** Premultiplied colour of each name: opaque red, half-transparent blue, nothing. */
const colours: Partial<Record<EmojiName, readonly number[]>> = {
  cat: [1, 0, 0, 1],
  ghost: [0, 0, 0.5, 0.5],
  cloud: [0, 0, 0, 0],
};

/** Sprites of one colour. */
const atlas: Atlas = {
  sprite: (name, _style, size) => Float32Array.from({ length: size * size * 4 }, (_, i) => colours[name]![i % 4]!),
};

const pixelOf = (pixels: Float32Array, side: number, x: number, y: number) => [
  ...pixels.subarray((y * side + x) * 3, (y * side + x) * 3 + 3),
];
const rounded = (values: readonly number[]) => [...Float32Array.from(values)];

const scene = (items: readonly [EmojiName, x: number, y: number, size: number][]): Scene => ({
  ...makeSingle('cat', '3D style', 'green'),
  items: items.map(([name, x, y, size]) => ({ name, style: '3D style', x, y, size })),
});

describe('renderScene', () => {
  test('covers the background where a sprite is opaque, to the pixel', () => {
    const pixels = renderScene(atlas, scene([['cat', 8, 16, 32]]));
    const [red, green] = [[1, 0, 0], rounded(backgroundColours.green)];
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const isInside = x >= 8 && x < 40 && y >= 16 && y < 48;
        expect(pixelOf(pixels, 64, x, y)).toEqual(isInside ? red : green);
      }
    }
  });

  test('lets half of what is below through half-transparent pixels', () => {
    const pixels = renderScene(atlas, scene([['ghost', 0, 0, 32]]));
    // (1 − α)·background + premultiplied colour, background 0.25 0.65 0.35
    const [red, green, blue] = pixelOf(pixels, 64, 31, 31);
    expect(red).toBeCloseTo(0.125, 6);
    expect(green).toBeCloseTo(0.325, 6);
    expect(blue).toBeCloseTo(0.675, 6);
  });

  test('paints later sprites over earlier ones', () => {
    const pixels = renderScene(
      atlas,
      scene([
        ['cat', 0, 0, 32],
        ['ghost', 16, 0, 32],
      ]),
    );
    expect(pixelOf(pixels, 64, 8, 8)).toEqual([1, 0, 0]);
    expect(pixelOf(pixels, 64, 20, 8)).toEqual([0.5, 0, 0.5]);
  });

  test('shows the background alone through a sprite of nothing', () => {
    const pixels = renderScene(atlas, scene([['cloud', 0, 0, 64]]));
    const colour = rounded(backgroundColours.green);
    for (let i = 0; i < pixels.length; i++) expect(pixels[i]).toBe(colour[i % 3]);
  });

  test('grows places and sizes with the picture', () => {
    const large = renderScene(atlas, countScene('cat', '3D style', 'black', 3), 128);
    const small = renderScene(atlas, countScene('cat', '3D style', 'black', 3));
    expect(large.length).toBe(128 * 128 * 3);
    for (let y = 0; y < 128; y++) {
      for (let x = 0; x < 128; x++) {
        expect(pixelOf(large, 128, x, y)).toEqual(pixelOf(small, 64, x >> 1, y >> 1));
      }
    }
  });

  test.each([0, -64, 60, 64.5, Number.NaN])('refuses a side of %d', (side) => {
    expect(() => renderScene(atlas, makeSingle('cat', '3D style', 'red'), side)).toThrow(
      `[emoji-scenes] renderScene: expected imageSize a multiple of 8, got ${side}`,
    );
  });
});
