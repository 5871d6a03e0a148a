import { expect, it } from 'vitest';
import { assertShape, MuseError, ShapeError } from './index.js';

const place = { package: 'masked-transformer', in: 'forward' };

it('binds letters to sizes', () => {
  expect(assertShape(place, 'textEmbeds', { shape: [2, 7, 768] }, ['B', 'T', 768])).toEqual({ B: 2, T: 7 });
});

it.each([
  { shape: [2, 77, 512], pattern: ['B', 'T', 768], why: 'a fixed size differs' },
  { shape: [2, 77], pattern: ['B', 'T', 768], why: 'the rank differs' },
  { shape: [2, 3], pattern: ['B', 'B'], why: 'one letter stands for two sizes' },
])('refuses a shape when $why, with expected and got', ({ shape, pattern }) => {
  const check = () => assertShape(place, 'textEmbeds', { shape }, pattern);
  expect(check).toThrow(ShapeError);
  expect(check).toThrow(MuseError);
  expect(check).toThrow(
    `[masked-transformer] forward: expected textEmbeds [${pattern.join(', ')}], got [${shape.join(', ')}]`,
  );
});
