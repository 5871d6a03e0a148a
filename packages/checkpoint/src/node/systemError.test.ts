import { expect, test } from 'vitest';
import { isMissing, reason } from './systemError.js';

const system = (code: string) => Object.assign(new Error(`${code}: some call`), { code });

test('says in words what people can act on', () => {
  expect(reason(system('ENOSPC'))).toBe('no space left on the disk (ENOSPC)');
  expect(reason(system('EACCES'))).toBe('no permission (EACCES)');
});

test('gives other errors as they are', () => {
  expect(reason(system('EODD'))).toBe('EODD: some call');
  expect(reason(new Error('plain'))).toBe('plain');
  expect(reason('text')).toBe('text');
});

test('tells a missing file from one that can’t be read', () => {
  expect([system('ENOENT'), system('ENOTDIR'), system('EACCES'), 'ENOENT'].map(isMissing)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
