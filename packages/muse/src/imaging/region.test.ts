import { describe, expect, it } from 'vitest';
import { squareAround, windowAround } from './region.js';

describe('windowAround', () => {
  const box = { x: 10, y: 10, width: 8, height: 4 };

  it.each([
    ['the whole of an image of the model’s size', box, [64, 64], { x: 0, y: 0, side: 64 }],
    ['the largest square of a small image', box, [40, 30], { x: 0, y: 0, side: 30 }],
    ['a square that the box is in the middle of', { ...box, x: 120 }, [200, 64], { x: 92, y: 0, side: 64 }],
    ['no less than the model’s size of a large image', box, [900, 900], { x: 0, y: 0, side: 64 }],
    ['four times a large box', { x: 400, y: 300, width: 50, height: 40 }, [900, 900], { x: 325, y: 220, side: 200 }],
    [
      'beyond the image for a box longer than its short side',
      { ...box, width: 80 },
      [100, 30],
      { x: 10, y: -25, side: 80 },
    ],
    [
      'all of a wide image that is all masked',
      { x: 0, y: 0, width: 100, height: 31 },
      [100, 31],
      { x: 0, y: -35, side: 100 },
    ],
  ] as const)('is %s', (_, of, [width, height], { x, y, side }) => {
    expect(windowAround(of, { width, height }, 64)).toEqual({ x, y, width: side, height: side });
  });
});

describe('squareAround', () => {
  it('holds the image in its middle', () => {
    expect(squareAround({ width: 5, height: 8 })).toEqual({ x: -2, y: 0, width: 8, height: 8 });
    expect(squareAround({ width: 7, height: 7 })).toEqual({ x: 0, y: 0, width: 7, height: 7 });
  });
});
