import { randomUint32, uniform } from '@muse/backend';
import { type MaskImage, maskFromBox, type RgbaImage } from '../src/index.js';

/** Noise in all four channels. */
export function noise(seed: number, width: number, height: number): RgbaImage {
  const data = Uint8ClampedArray.from(randomUint32({ seed, stage: 1 }, width * height * 4), (u) => u & 255);
  return { width, height, data };
}

/** Noise without transparency. */
export function opaqueNoise(seed: number, width: number, height: number): RgbaImage {
  const image = noise(seed, width, height);
  return { ...image, data: image.data.map((value, i) => (i % 4 === 3 ? 255 : value)) };
}

/** A box with a single pixel beside it; each fifth time everything. */
export function someMask(seed: number, width: number, height: number): MaskImage {
  if (seed % 5 === 4) return { width, height, data: new Uint8Array(width * height).fill(255) };
  const u = uniform({ seed, stage: 2 }, 5);
  const below = (draw: number, end: number) => Math.floor(draw * end);
  const box = {
    x: below(u[0]!, width),
    y: below(u[1]!, height),
    width: 1 + below(u[2]!, 11),
    height: 1 + below(u[3]!, 7),
  };
  const mask = maskFromBox(box, { width, height });
  mask.data[below(u[4]!, width * height)] = 3;
  return mask;
}

/** The bytes of a pixel. */
export function pixel({ width, data }: RgbaImage, x: number, y: number): number[] {
  const at = 4 * (y * width + x);
  return [...data.subarray(at, at + 4)];
}

/** Coordinates of the pixels that an edit must leave alone but did not. */
export function changedOutside(before: RgbaImage, after: RgbaImage, mask: MaskImage): [x: number, y: number][] {
  const changed: [number, number][] = [];
  for (let i = 0; i < mask.data.length; i++) {
    const [x, y] = [i % mask.width, Math.floor(i / mask.width)];
    if (mask.data[i] === 0 && `${pixel(before, x, y)}` !== `${pixel(after, x, y)}`) changed.push([x, y]);
  }
  return changed;
}
