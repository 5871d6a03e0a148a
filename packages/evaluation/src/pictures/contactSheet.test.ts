import { makeSingle, renderScene } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { expect, test } from 'vitest';
import { toPicture } from '../suite/toPicture.js';
import { contactSheet } from './contactSheet.js';
import { renderRgba } from './renderRgba.js';

const pixel = (red: number) => ({ width: 1, height: 1, data: Uint8ClampedArray.of(red, 0, 0, 255) });

test('puts pictures in rows, with paper between and where there is none', () => {
  const sheet = contactSheet([[pixel(1), pixel(2)], [pixel(3)]], { gap: 1 });
  expect([sheet.width, sheet.height]).toEqual([5, 5]);
  const p = 200;
  const reds = [...sheet.data].filter((_, i) => i % 4 === 0);
  expect(reds).toEqual([p, p, p, p, p, p, 1, p, 2, p, p, p, p, p, p, p, 3, p, p, p, p, p, p, p, p]);
  expect([...sheet.data].filter((_, i) => i % 4 === 3).every((alpha) => alpha === 255)).toBe(true);
});

test('enlarges pixels to squares', () => {
  const wide = { width: 2, height: 1, data: Uint8ClampedArray.of(1, 0, 0, 255, 2, 0, 0, 255) };
  const sheet = contactSheet([[wide]], { gap: 0, scale: 2 });
  expect([sheet.width, sheet.height]).toEqual([4, 2]);
  expect([...sheet.data].filter((_, i) => i % 4 === 0)).toEqual([1, 1, 2, 2, 1, 1, 2, 2]);
});

test('refuses to show nothing', () => {
  expect(() => contactSheet([[]])).toThrow('expected at least one picture, got none');
});

test('a render in 8 bits is the render, to half a step', async () => {
  const atlas = await loadAtlas();
  const scene = makeSingle('cat', 'flat style', 'blue');
  const pixels = renderScene(atlas, scene, 128);
  const read = toPicture(renderRgba(atlas, scene, 128), 128);
  const worst = pixels.reduce((most, x, i) => Math.max(most, Math.abs(x - read[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(0.5 / 255 + 1e-6);
  expect(worst).toBeGreaterThan(0.001);
});
