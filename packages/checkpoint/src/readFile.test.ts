import { WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memoryFolder, subFolder } from './byteSource.js';
import { readBytes, readJson } from './readFile.js';

const utf8 = (text: string) => new TextEncoder().encode(text);
const folder = memoryFolder(
  'folder',
  new Map([
    ['inner/config.json', utf8('{"a": "é"}')],
    ['broken.json', utf8('{"a": ')],
    ['latin.json', Uint8Array.of(0x22, 0xe9, 0x22)],
    ['twice.json', utf8('{"a": 1, "a": 2}')],
  ]),
);

test('reads bytes and JSON of a folder and of a folder inside it', async () => {
  expect(await readJson(folder, 'inner/config.json')).toEqual({ a: 'é' });
  const inner = subFolder(folder, 'inner');
  expect(inner.location).toBe('folder/inner');
  expect(await inner.has('config.json')).toBe(true);
  expect(await readBytes(inner, 'config.json')).toEqual(utf8('{"a": "é"}'));
});

test('names the file that is missing, is no JSON, is no UTF-8 or has a key twice', async () => {
  await expect(readJson(folder, 'absent.json')).rejects.toThrow(
    '[checkpoint] open: expected a file absent.json in folder',
  );
  await expect(readJson(folder, 'broken.json')).rejects.toThrow('folder/broken.json: expected UTF-8 JSON');
  await expect(readJson(folder, 'latin.json')).rejects.toThrow('folder/latin.json: expected UTF-8 JSON');
  await expect(readJson(folder, 'twice.json')).rejects.toThrow(
    'folder/twice.json: expected each key once, got "a" twice',
  );
  await expect(readJson(folder, 'broken.json')).rejects.toThrow(WeightError);
});

test('refuses a huge JSON file before reading it', async () => {
  const huge = {
    ...folder,
    open: async () => ({
      ...(await folder.open('broken.json')),
      sizeBytes: 2e8,
      read: () => Promise.reject(new Error()),
    }),
  };
  await expect(readJson(huge, 'broken.json')).rejects.toThrow('at most 100000000 bytes of JSON, got 200000000');
});
