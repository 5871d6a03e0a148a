import { ImageError, MuseError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { toPixels, toRgba } from './image.js';

describe('toRgba', () => {
  it('rounds half up to 8 bits', () => {
    // 0.5/255 lies exactly between 0 and 1; 0.49/255 rounds down.
    const pixels = Float32Array.of(0, 0.5 / 255, 0.49 / 255, 1, 0.5, 254.4 / 255);
    expect([...toRgba(pixels, 2, 1).data]).toEqual([0, 1, 0, 255, 255, 128, 254, 255]);
  });

  it('clips what is outside of [0, 1]', () => {
    expect([...toRgba(Float32Array.of(-0.1, 1.1, 0), 1, 1).data]).toEqual([0, 255, 0, 255]);
  });

  it('refuses NaN', () => {
    expect(() => toRgba(Float32Array.of(0, 0, 0, 0, Number.NaN, 0), 1, 2)).toThrow(MuseError);
  });
});

describe('toPixels', () => {
  it('gives back every value of 8 bits', () => {
    const data = Uint8ClampedArray.from({ length: 256 * 4 }, (_, i) => (i % 4 === 3 ? 255 : i >> 2));
    expect(toRgba(toPixels({ width: 16, height: 16, data }), 16, 16).data).toEqual(data);
  });

  it('shows white through what is transparent', () => {
    const data = Uint8ClampedArray.of(255, 0, 51, 0, 255, 0, 51, 51);
    const pixels = toPixels({ width: 2, height: 1, data });
    // Alpha 51/255 = 1/5: 1·⅕ + ⅘, 0·⅕ + ⅘, ⅕·⅕ + ⅘.
    [1, 1, 1, 1, 0.8, 0.84].forEach((x, i) => {
      expect(pixels[i]).toBeCloseTo(x, 6);
    });
  });

  it.each([
    [{ width: 2, height: 2, data: new Uint8ClampedArray(15) }, 'got 2 × 2 with 15 values'],
    [{ width: 0, height: 2, data: new Uint8ClampedArray(0) }, 'got 0 × 2 with 0 values'],
    [{ width: 1.5, height: 2, data: new Uint8ClampedArray(12) }, 'got 1.5 × 2 with 12 values'],
  ])('refuses %o', (image, message) => {
    expect(() => toPixels(image)).toThrow(ImageError);
    expect(() => toPixels(image)).toThrow(message);
  });
});
