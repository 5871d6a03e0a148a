import { expect, it } from 'vitest';
import { fillBox, stroke } from './strokes.ts';

const size = { width: 7, height: 5 };
const drawn = (mask: Uint8Array) =>
  Array.from({ length: size.height }, (_, y) => mask.subarray(y * 7, y * 7 + 7).join('')).join('\n');

it('a stroke is as wide as its brush, round at its ends, cut off at the edge', () => {
  const mask = new Uint8Array(35);
  stroke(mask, size, { x: 1.5, y: 2.5 }, { x: 4.5, y: 2.5 }, 1, 1);
  expect(drawn(mask)).toBe('0000000\n0111100\n1111110\n0111100\n0000000');
  stroke(mask, size, { x: 4.5, y: 2.5 }, { x: 20, y: 2.5 }, 1, 0);
  expect(drawn(mask)).toBe('0000000\n0111000\n1110000\n0111000\n0000000');
});

it('a brush that does not move paints a dot', () => {
  const mask = new Uint8Array(35);
  stroke(mask, size, { x: 3.5, y: 2.5 }, { x: 3.5, y: 2.5 }, 0.4, 1);
  expect(drawn(mask)).toBe('0000000\n0000000\n0001000\n0000000\n0000000');
});

it('a box goes from any corner to any, within the image', () => {
  const mask = new Uint8Array(35);
  fillBox(mask, size, { x: 5.2, y: 3.1 }, { x: 3.9, y: -4 }, 1);
  expect(drawn(mask)).toBe('0001110\n0001110\n0001110\n0001110\n0000000');
  fillBox(mask, size, { x: 9, y: 0 }, { x: 12, y: 5 }, 1);
  expect(drawn(mask)).toBe('0001110\n0001110\n0001110\n0001110\n0000000');
});
