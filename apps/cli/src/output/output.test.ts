import type { GenerationSettings } from '@muse/muse';
import { defaultSamplingSettings } from '@muse/sampler';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import { type ImageRecord, readRecord, recordChunks } from './record.js';
import { enlarge, makeSheet } from './sheet.js';
import { clip, slug } from './slug.js';
import { encodeTokensFile, parseTokensFile } from './tokensFile.js';

describe('slug', () => {
  it.each([
    ['a smiling cat, 3D style', 'a-smiling-cat-3d-style'],
    ['  Crème brûlée!  ', 'creme-brulee'],
    ['../../etc/passwd', 'etc-passwd'],
    ['猫 と 犬', '猫-と-犬'],
    ['قطة', 'قطة'],
    ['🐈', 'image'],
    ['', 'image'],
    ['con\0trol\n', 'con-trol'],
  ])('%j becomes %j', (text, expected) => expect(slug(text)).toBe(expected));

  it('is never longer than a file name may be', () => {
    expect(Buffer.byteLength(slug('cat '.repeat(2500)))).toBeLessThanOrEqual(100);
    const long = slug('猫'.repeat(10_000));
    expect(Buffer.byteLength(long)).toBe(99);
    expect(slug(`${'x'.repeat(99)} y`)).toBe('x'.repeat(99));
  });
});

describe('clip', () => {
  it('leaves short names and never cuts a character in two', () => {
    expect(clip('IMG 20.1 (2)')).toBe('IMG 20.1 (2)');
    expect(clip(`a${'猫'.repeat(100)}`)).toBe(`a${'猫'.repeat(33)}`);
  });
});

describe('the record of an image', () => {
  const settings: GenerationSettings = { prompt: 'a "cat" 🐈', ...defaultSamplingSettings };
  const record: ImageRecord = { formatVersion: 1, model: 'm', modelName: 'tiny', device: 'cpu', seed: 7, settings };

  it('comes back as it was', () => {
    expect(readRecord(recordChunks(record), 'x.png')).toEqual({
      model: 'm',
      modelName: 'tiny',
      device: 'cpu',
      options: { ...settings, seed: 7 },
    });
    expect(readRecord(recordChunks({ ...record, dtype: 'q8' }), 'x.png').dtype).toBe('q8');
    const hub = { model: 'amused/amused-256', revision: 'a'.repeat(40), variant: 'fp16' };
    expect(readRecord(recordChunks({ ...record, ...hub }), 'x.png')).toMatchObject(hub);
  });

  it('says of an edit what it was made of, and is not repeated without it', () => {
    const edit = { verb: 'inpaint', input: 'dog.jpg', box: [1, 2, 3, 4] } as const;
    const chunks = recordChunks({ ...record, edit });
    expect(JSON.parse(chunks.muse!)).toMatchObject({ edit, settings });
    expect(() => readRecord(chunks, 'x.png')).toThrow('x.png was made of dog.jpg by muse inpaint');
  });

  it('has no description where there is no prompt', () => {
    expect(recordChunks({ ...record, settings: { ...settings, prompt: '' } })).not.toHaveProperty('Description');
  });

  it.each([
    ['none', {}],
    ['no JSON', { muse: '{' }],
    ['another thing', { muse: '[1]' }],
    ['a newer version', { muse: JSON.stringify({ ...record, formatVersion: 2 }) }],
    ['no settings', { muse: JSON.stringify({ ...record, settings: null }) }],
    ['of a revision that is no text', { muse: JSON.stringify({ ...record, revision: 3 }) }],
    ['of an unknown dtype', { muse: JSON.stringify({ ...record, dtype: 'q2' }) }],
    ['no prompt', { muse: JSON.stringify({ ...record, settings: {} }) }],
  ])('is refused when it is %s', (_, chunks) => {
    expect(() => readRecord(chunks as Record<string, string>, 'x.png')).toThrow(UsageError);
    expect(() => readRecord(chunks as Record<string, string>, 'x.png')).toThrow('x.png');
  });
});

describe('the file of tokens', () => {
  const file = {
    grid: [2, 3] as const,
    steps: [
      [0, 1, 2, 3, 4, 13],
      [5, 6, 7, 8, 9, 10],
    ],
  };

  it('is JSON and comes back as it was', () => {
    const bytes = encodeTokensFile(file);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(file);
    expect(parseTokensFile(bytes, 'ids.json')).toEqual(file);
    const cascade = { ...file, superRes: { grid: [1, 2] as const, steps: [[3, 4]] } };
    const cascadeBytes = encodeTokensFile(cascade);
    expect(JSON.parse(new TextDecoder().decode(cascadeBytes))).toEqual(cascade);
    expect(parseTokensFile(cascadeBytes, 'ids.json')).toEqual(cascade);
  });

  it('has the region of an edit, and the windows of an image that grew', () => {
    const edit = { region: [-3, 0, 20, 20] as const, ...file };
    const windows = { windows: [edit, { ...edit, superRes: { grid: [1, 2] as const, steps: [[3, 4]] } }] };
    for (const tokens of [edit, windows]) {
      const bytes = encodeTokensFile(tokens);
      expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(tokens);
      expect(parseTokensFile(bytes, 'ids.json')).toEqual(tokens);
    }
  });

  it.each([
    '',
    'null',
    '[]',
    '{ "grid": [2, 3] }',
    '{ "grid": [2, 3], "steps": [] }',
    '{ "grid": [2, 3], "steps": [[1, 2, 3]] }',
    '{ "grid": [1, 1], "steps": [["a"]] }',
    '{ "grid": [1, 1], "steps": [[1.5]] }',
    '{ "grid": [0, 1], "steps": [[]] }',
    '{ "grid": [1, 1], "steps": [[1]], "superRes": { "grid": [2, 2], "steps": [[1]] } }',
    '{ "grid": [1, 1], "steps": [[1]], "region": [0, 0, 1] }',
    '{ "windows": [] }',
    '{ "windows": 2 }',
    '{ "windows": [{ "grid": [1, 1] }] }',
  ])('is refused when it is %j', (text) => {
    expect(() => parseTokensFile(new TextEncoder().encode(text), 'ids.json')).toThrow(UsageError);
  });

  it('is refused when it is no text', () => {
    expect(() => parseTokensFile(Uint8Array.of(0xff, 0xfe), 'ids.json')).toThrow('ids.json is no JSON file');
  });
});

describe('makeSheet', () => {
  /** 1 × 1 image of one grey. */
  const dot = (value: number) => ({ width: 1, height: 1, data: Uint8ClampedArray.of(value, value, value, 255) });

  it('puts images in rows, two white pixels apart', () => {
    const sheet = makeSheet([10, 20, 30].map(dot));
    expect([sheet.width, sheet.height]).toEqual([4, 4]);
    const greys = Array.from({ length: 16 }, (_, i) => sheet.data[4 * i]);
    // biome-ignore format: as it looks
    expect(greys).toEqual([
       10, 255, 255,  20,
      255, 255, 255, 255,
      255, 255, 255, 255,
       30, 255, 255, 255,
    ]);
  });

  it('makes a strip when told the columns', () => {
    const strip = makeSheet([1, 2, 3].map(dot), 3);
    expect([strip.width, strip.height]).toEqual([7, 1]);
  });
});

describe('enlarge', () => {
  it('repeats each pixel', () => {
    const image = { width: 2, height: 1, data: Uint8ClampedArray.of(1, 2, 3, 4, 5, 6, 7, 8) };
    const { width, height, data } = enlarge(image, 2);
    expect([width, height]).toEqual([4, 2]);
    const row = [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8];
    expect([...data]).toEqual([...row, ...row]);
  });
});
