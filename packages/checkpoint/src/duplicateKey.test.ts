import { expect, test } from 'vitest';
import { duplicateKey } from './duplicateKey.js';

test('finds a key that stands twice in one object', () => {
  expect(duplicateKey('{"a":1,"b":{},"a":2}')).toBe('a');
  expect(duplicateKey('[{"x":{"y":1,"y":2}}]')).toBe('y');
});

test('takes escapes for what they stand for', () => {
  expect(duplicateKey('{"a":1,"\\u0061":2}')).toBe('a');
  expect(duplicateKey('{"q\\"":1,"q\\\\":2}')).toBeUndefined();
});

test('is not misled by equal keys of different objects, nor by values', () => {
  expect(duplicateKey('{"a":{"a":[{"a":1},{"a":2}]},"b":"a","c":"a"}')).toBeUndefined();
  expect(duplicateKey('{"a":"},{:\\",","b":":"}')).toBeUndefined();
  expect(duplicateKey('[1,"a",{"__proto__":1,"constructor":2}]')).toBeUndefined();
});
