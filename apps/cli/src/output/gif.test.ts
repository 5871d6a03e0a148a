import { randomUint32 } from '@muse/backend';
import type { RgbaImage } from '@muse/muse';
import { describe, expect, it } from 'vitest';
import { encodeGif } from './gif.js';
import { colorAt, makePalette } from './palette.js';

/** Frames of a GIF as colours 0xRRGGBB: a reader of its own, by the GIF89a specification. */
function readGif(bytes: Uint8Array): { width: number; height: number; frames: number[][]; delays: number[] } {
  const u16 = (at: number) => bytes[at]! | (bytes[at + 1]! << 8);
  expect(Buffer.from(bytes.subarray(0, 6)).toString()).toBe('GIF89a');
  const [width, height] = [u16(6), u16(8)];
  const numColors = 2 << (bytes[10]! & 7);
  const colors = Array.from({ length: numColors }, (_, i) => {
    const at = 13 + 3 * i;
    return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  });
  const frames: number[][] = [];
  const delays: number[] = [];
  let at = 13 + 3 * numColors;
  const blocks = (): number[] => {
    const data: number[] = [];
    for (; bytes[at] !== 0; at += 1 + bytes[at]!) data.push(...bytes.subarray(at + 1, at + 1 + bytes[at]!));
    at++;
    return data;
  };
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) delays.push(10 * u16(at + 4));
      at += 2;
      blocks();
      continue;
    }
    expect(bytes[at]).toBe(0x2c);
    const minCodeSize = bytes[at + 10]!;
    at += 11;
    frames.push(decompress(blocks(), minCodeSize).map((index) => colors[index]!));
  }
  expect(at).toBe(bytes.length - 1);
  return { width, height, frames, delays };
}

function decompress(data: number[], minCodeSize: number): number[] {
  const clear = 1 << minCodeSize;
  const out: number[] = [];
  let table: number[][] = [];
  let width = minCodeSize + 1;
  let previous: number[] | undefined;
  const reset = () => {
    table = Array.from({ length: clear + 2 }, (_, i) => [i]);
    width = minCodeSize + 1;
    previous = undefined;
  };
  let bit = 0;
  for (;;) {
    let code = 0;
    for (let i = 0; i < width; i++, bit++) code |= ((data[bit >> 3]! >> (bit & 7)) & 1) << i;
    if (code === clear) {
      reset();
      continue;
    }
    if (code === clear + 1) return out;
    const entry = table[code] ?? [...previous!, previous![0]!];
    out.push(...entry);
    if (previous && table.length < 4096) table.push([...previous, entry[0]!]);
    if (table.length === 1 << width && width < 12) width++;
    previous = entry;
  }
}

/** An image of random colours out of `numColors`. */
function noise(width: number, height: number, numColors: number, seed: number): RgbaImage {
  const choices = randomUint32({ seed, stage: 1 }, numColors);
  const picks = randomUint32({ seed, stage: 2 }, width * height);
  const data = new Uint8ClampedArray(width * height * 4);
  picks.forEach((pick, i) => {
    const color = choices[pick % numColors]!;
    data.set([color & 255, (color >> 8) & 255, (color >> 16) & 255, 255], 4 * i);
  });
  return { width, height, data };
}

const colorsOf = (image: RgbaImage) => Array.from({ length: image.width * image.height }, (_, i) => colorAt(image, i));

describe('encodeGif', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 2],
    [13, 7, 100],
    // Enough for the table of codes to be full several times over.
    [128, 127, 256],
  ])('gives back every pixel of %i × %i with %i colours', (width, height, numColors) => {
    const image = noise(width, height, numColors, 3);
    const gif = readGif(encodeGif([{ image, delayMs: 120 }]));
    expect([gif.width, gif.height]).toEqual([width, height]);
    expect(gif.frames).toEqual([colorsOf(image)]);
  });

  it('shows frames for as long as it is told', () => {
    const frames = [120, 1500].map((delayMs, seed) => ({ image: noise(5, 3, 7, seed), delayMs }));
    const gif = readGif(encodeGif(frames));
    expect(gif.delays).toEqual([120, 1500]);
    expect(gif.frames).toEqual(frames.map(({ image }) => colorsOf(image)));
  });
});

describe('makePalette', () => {
  it('stays near the colours when there are too many', () => {
    const width = 64;
    const data = Uint8ClampedArray.from({ length: width * width * 4 }, (_, i) => {
      const pixel = i >> 2;
      return [4 * (pixel % width), 4 * Math.floor(pixel / width), 128, 255][i & 3]!;
    });
    const image = { width, height: width, data };
    const palette = makePalette([image], 256);
    expect(palette.colors).toHaveLength(256);
    const worst = colorsOf(image).reduce((most, color) => {
      const near = palette.colors[palette.indexOf(color)]!;
      const off = [16, 8, 0].map((shift) => Math.abs(((color >> shift) & 255) - ((near >> shift) & 255)));
      return Math.max(most, ...off);
    }, 0);
    // 4096 colours in 256 boxes: 4 × 4 colours each, 4 apart, so at most 8 from the mean when split evenly.
    expect(worst).toBeLessThanOrEqual(8);
  });
});
