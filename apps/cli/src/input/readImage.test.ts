import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodePng } from '@muse/muse';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../errors.js';
import { readImage } from './readImage.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-images-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array) {
  const path = join(folder, 'image');
  await writeFile(path, bytes);
  return readImage('image', path);
}

const [WIDTH, HEIGHT] = [7, 5];

/** 7 × 5 pixels of sharp's, every sample another value. */
function picture(channels: 1 | 2 | 3 | 4): { samples: Uint8Array; sharp: Sharp } {
  const samples = Uint8Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) => (i * 37 + 11) % 256);
  return { samples, sharp: sharp(samples, { raw: { width: WIDTH, height: HEIGHT, channels } }) };
}

/** One colour all over, which survives lossy formats. */
const plain = () =>
  sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: { r: 176, g: 128, b: 96 } } });

const pixel = ({ data, width }: { data: Uint8ClampedArray; width: number }, x: number, y: number) => [
  ...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4),
];

const COLOR = [176, 128, 96, 255];

/** Within `most` of `COLOR`, in every channel. */
function expectColor(values: readonly number[], most: number): void {
  expect(Math.max(...values.map((value, c) => Math.abs(value - COLOR[c]!)))).toBeLessThanOrEqual(most);
}

describe('readImage', () => {
  it('keeps the values of an 8-bit PNG, its alpha and what it hides', async () => {
    const { samples, sharp } = picture(4);
    const image = await read(await sharp.png().toBuffer());
    expect([image.width, image.height]).toEqual([WIDTH, HEIGHT]);
    expect(image.data).toEqual(Uint8ClampedArray.from(samples));
  });

  it('keeps the values of an image that says that it is sRGB, and converts other profiles', async () => {
    const srgb = await picture(3).sharp.withIccProfile('srgb').png().toBuffer();
    expect((await read(srgb)).data).toEqual(decodePng(srgb).data);
    const p3 = await plain().withIccProfile('p3').png().toBuffer();
    expect(pixel(decodePng(p3), 0, 0)).not.toEqual(COLOR);
    expectColor(pixel(await read(p3), 0, 0), 2);
  });

  it.each([1, 2] as const)('reads greyscale of %i channel(s)', async (channels) => {
    const { samples, sharp } = picture(channels);
    const { data } = await read(await sharp.toColourspace('b-w').png().toBuffer());
    for (let i = 0; i < WIDTH * HEIGHT; i++) {
      const grey = samples[channels * i]!;
      expect([...data.subarray(4 * i, 4 * i + 4)]).toEqual([
        grey,
        grey,
        grey,
        channels === 2 ? samples[2 * i + 1] : 255,
      ]);
    }
  });

  it('takes 16 bits to 8, colours, alpha and greyscale', async () => {
    const samples = Uint16Array.from({ length: WIDTH * HEIGHT * 4 }, (_, i) => ((i * 37 + 11) % 256) * 256 + (i % 200));
    const raw = { width: WIDTH, height: HEIGHT, channels: 4 as const };
    const png = await sharp(samples, { raw }).toColourspace('rgb16').png().toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect((await read(png)).data).toEqual(Uint8ClampedArray.from(samples, (value) => value >> 8));
    const grey = await sharp(samples.subarray(0, WIDTH * HEIGHT), { raw: { ...raw, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect((await sharp(grey).metadata()).space).toBe('grey16');
    expect(pixel(await read(grey), 3, 2)).toEqual([...new Array(3).fill(samples[2 * WIDTH + 3]! >> 8), 255]);
  });

  it('reads a palette with a transparent colour', async () => {
    const { data } = await read(await picture(4).sharp.png({ palette: true, colours: 16 }).toBuffer());
    expect(data).toHaveLength(WIDTH * HEIGHT * 4);
    expect(new Set(data.filter((_, i) => i % 4 === 3)).size).toBeGreaterThan(1);
  });

  it.each(['jpeg', 'webp', 'avif', 'gif', 'tiff'] as const)('reads %s', async (format) => {
    const image = await read(await plain().toFormat(format).toBuffer());
    expect([image.width, image.height]).toEqual([WIDTH, HEIGHT]);
    expectColor(pixel(image, 3, 2), 4);
  });

  it.each(['jpeg', 'tiff'] as const)('reads CMYK %s near its colours', async (format) => {
    const cmyk = await plain().toColourspace('cmyk').toFormat(format, { quality: 100 }).toBuffer();
    expect(await sharp(cmyk).metadata()).toMatchObject({ space: 'cmyk', channels: 4 });
    // Without a profile of its own the file is taken for a common press's.
    expectColor(pixel(await read(cmyk), 3, 2), 11);
  });

  // https://www.exif.org/Exif2-2.PDF, tag 0x0112: where row 0 and column 0 of the file are seen.
  it.each([
    [1, ([x, y]: number[]) => [x, y]],
    [2, ([x, y]: number[]) => [WIDTH - 1 - x!, y]],
    [3, ([x, y]: number[]) => [WIDTH - 1 - x!, HEIGHT - 1 - y!]],
    [4, ([x, y]: number[]) => [x, HEIGHT - 1 - y!]],
    [5, ([x, y]: number[]) => [y, x]],
    [6, ([x, y]: number[]) => [HEIGHT - 1 - y!, x]],
    [7, ([x, y]: number[]) => [HEIGHT - 1 - y!, WIDTH - 1 - x!]],
    [8, ([x, y]: number[]) => [y, WIDTH - 1 - x!]],
  ] as const)('turns EXIF orientation %i upright', async (orientation, seenAt) => {
    const { samples, sharp } = picture(3);
    const image = await read(await sharp.withMetadata({ orientation }).png().toBuffer());
    expect([image.width, image.height]).toEqual(orientation < 5 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH]);
    for (const [x, y] of [
      [0, 0],
      [2, 1],
      [6, 4],
    ] as const) {
      const at = 3 * (y * WIDTH + x);
      const [seenX, seenY] = seenAt([x, y]);
      expect(pixel(image, seenX!, seenY!)).toEqual([...samples.subarray(at, at + 3), 255]);
    }
  });

  it('reads one pixel, and the first frame of an animation', async () => {
    const dot = await sharp({ create: { width: 1, height: 1, channels: 4, background: '#01020304' } })
      .png()
      .toBuffer();
    expect(await read(dot)).toEqual({ width: 1, height: 1, data: Uint8ClampedArray.of(1, 2, 3, 4) });
    const frames = Uint8Array.from({ length: 2 * 16 * 3 }, (_, i) => (i < 48 ? 255 : 0));
    const gif = await sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } })
      .gif()
      .toBuffer();
    const image = await read(gif);
    expect([image.width, image.height]).toEqual([4, 4]);
    expect(pixel(image, 0, 0)).toEqual([255, 255, 255, 255]);
  });

  it('forgives stray bytes, as programs leave them', async () => {
    const jpeg = await plain().jpeg().toBuffer();
    expect((await read(Buffer.concat([jpeg, Buffer.from('stray')]))).width).toBe(WIDTH);
  });

  const noisy = () =>
    sharp({
      create: {
        width: 90,
        height: 90,
        channels: 3,
        background: '#fff',
        noise: { type: 'gaussian', mean: 99, sigma: 40 },
      },
    });

  it.each([
    ['an empty file', async () => new Uint8Array(), 'expected a PNG, JPEG, WebP, AVIF, GIF, TIFF or SVG image'],
    ['text', async () => Buffer.from('GIF89a, or so'), 'got something else or a damaged one'],
    ['a document', async () => Buffer.from('%PDF-1.4\n%\n1 0 obj\n'), 'got something else or a damaged one'],
    [
      'the head of a PNG',
      async () => (await noisy().png().toBuffer()).subarray(0, 12),
      'got something else or a damaged one',
    ],
    ['a PNG that is cut off', async () => (await noisy().png().toBuffer()).subarray(0, 9000), 'it is damaged'],
    ['a JPEG that is cut off', async () => (await noisy().jpeg().toBuffer()).subarray(0, 1500), 'it is damaged'],
    [
      'more pixels than memory is for',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="20000"/>'),
      'it has more than 134 megapixels: make it smaller',
    ],
  ])('says in one line that %s is no image to use', async (_, bytes, message) => {
    const error = await read(await bytes()).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(`image ${join(folder, 'image')} can't be read: `);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('\n');
  });

  it('says that a file is not there, or is a folder', async () => {
    await expect(readImage('--mask', join(folder, 'absent.png'))).rejects.toThrow(
      "absent.png can't be read: no such file",
    );
    await expect(readImage('--mask', folder)).rejects.toThrow("can't be read: it is a folder");
  });
});
