import { randomUint32 } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { outpaintWindows } from './outpaintWindows.js';

describe('outpaintWindows', () => {
  it('overlaps windows by half, from the image outwards', () => {
    const inner = { x: 80, y: 0, width: 64, height: 64 };
    const windows = outpaintWindows({ width: 144, height: 64 }, inner, 64);
    expect(windows.map(({ x }) => x)).toEqual([48, 16, 0]);
  });

  it('paints the sides before the corners', () => {
    const inner = { x: 32, y: 32, width: 64, height: 64 };
    const windows = outpaintWindows({ width: 128, height: 128 }, inner, 64);
    expect(windows.map(({ x, y }) => [x, y])).toEqual([
      [0, 32],
      [64, 32],
      [32, 0],
      [32, 64],
      [0, 0],
      [64, 0],
      [0, 64],
      [64, 64],
    ]);
  });

  it('shows an image that is smaller than the model in a window of the model', () => {
    const windows = outpaintWindows({ width: 64, height: 64 }, { x: 24, y: 40, width: 16, height: 16 }, 64);
    expect(windows).toEqual([{ x: 0, y: 0, width: 64, height: 64 }]);
  });

  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'covers every pixel, within the canvas, each window with something known (%i)',
    (seed) => {
      const [w, h, left, right, top, bottom, model] = [...randomUint32({ seed, stage: 1 }, 7)].map((u) => u % 43) as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const inner = { x: left, y: top, width: w + 1, height: h + 1 };
      const canvas = { width: left + w + 1 + right, height: top + h + 1 + bottom };
      const known = new Uint8Array(canvas.width * canvas.height);
      const mark = ({ x, y, width, height }: typeof inner) => {
        let count = 0;
        for (let row = y; row < y + height; row++) {
          const part = known.subarray(row * canvas.width + x, row * canvas.width + x + width);
          count += part.reduce((sum, one) => sum + one, 0);
          part.fill(1);
        }
        return count;
      };
      mark(inner);
      for (const region of outpaintWindows(canvas, inner, model + 1)) {
        expect(region.x).toBeGreaterThanOrEqual(0);
        expect(region.y).toBeGreaterThanOrEqual(0);
        expect(region.x + region.width).toBeLessThanOrEqual(canvas.width);
        expect(region.y + region.height).toBeLessThanOrEqual(canvas.height);
        const numKnown = mark(region);
        expect(numKnown).toBeGreaterThan(0);
        expect(numKnown).toBeLessThan(region.width * region.height);
      }
      expect(known.includes(0)).toBe(false);
    },
  );
});
