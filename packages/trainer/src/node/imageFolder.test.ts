import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError, ImageError } from '@muse/backend';
import { encodePng } from '@muse/muse';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCsv } from './captionFiles.js';
import { imageFolder } from './imageFolder.js';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'muse-images-'));
});
afterEach(() => rm(path, { recursive: true }));

const put = async (name: string, content: Uint8Array | string) => {
  await mkdir(dirname(join(path, name)), { recursive: true });
  await writeFile(join(path, name), content);
};
/** A plain 5 × 3 picture of one colour. */
const plain = (red: number, green: number, blue: number, alpha = 255) =>
  encodePng({
    width: 5,
    height: 3,
    data: Uint8ClampedArray.from({ length: 60 }, (_, i) => [red, green, blue, alpha][i % 4]!),
  });
const read = (needsCaptions = true) => imageFolder({ path, imageSize: 2, needsCaptions });
const problemsOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => {
      expect(error).toBeInstanceOf(ImageError);
      return (error as Error).message;
    },
  );

describe('imageFolder', () => {
  it('reads captions from text files beside the images, in folders too', async () => {
    await put('b.png', plain(255, 0, 0));
    await put('b.txt', 'A red Wall\n');
    await put('deep/a.png', plain(0, 0, 255, 0));
    await put('deep/a.txt', "nothing, it's white");
    const dataset = await read();
    expect(dataset).toMatchObject({ size: 2, imageSize: 2 });
    expect(dataset.caption(0, 1)).toBe('A red Wall');
    expect(dataset.caption(1, 1)).toBe("nothing, it's white");
    expect([...(await dataset.image(0))]).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
    expect([...(await dataset.image(1))]).toEqual(new Array(12).fill(1));
    expect(dataset.words).toEqual(['a', "it's", 'nothing', 'red', 'wall', 'white']);
  });

  it('reads metadata.jsonl', async () => {
    await put('x.png', plain(0, 255, 0));
    await put('metadata.jsonl', '{"file_name": "x.png", "text": "green"}\n\n');
    expect((await read()).caption(0, 0)).toBe('green');
  });

  it('reads metadata.csv', async () => {
    await put('sub/x.png', plain(0, 255, 0));
    await put('metadata.csv', 'file_name,text\r\nsub/x.png,"green, ""bright"""\r\n');
    expect((await read()).caption(0, 0)).toBe('green, "bright"');
  });

  it('reads JPEG and WebP through sharp', async () => {
    const image = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 0, g: 255, b: 0 } } });
    await put('a.jpg', await image.clone().jpeg({ quality: 100 }).toBuffer());
    await put('b.webp', await image.clone().webp({ lossless: true }).toBuffer());
    const dataset = await read(false);
    for (const index of [0, 1]) {
      const [red, green, blue] = await dataset.image(index);
      expect([red, green, blue].map((value) => Math.round(value! * 50))).toEqual([0, 50, 0]);
    }
    expect(dataset.caption(0, 0)).toBe('');
  });

  it('reports every bad file at once', async () => {
    await put('good.png', plain(1, 2, 3));
    await put('good.txt', 'good');
    await put('alone.png', plain(1, 2, 3));
    await put('empty.png', plain(1, 2, 3));
    await put('empty.txt', ' \n');
    await put('broken.png', plain(1, 2, 3).slice(0, 40));
    await put('broken.txt', 'broken');
    await put('text.jpg', 'no image');
    await put('text.txt', 'text');
    const message = await problemsOf(read());
    expect(message).toMatch(/got 4 bad:/);
    expect(message).toMatch(/ {2}alone\.png: expected a caption in alone\.txt, got none/);
    expect(message).toMatch(/ {2}empty\.png: expected a caption in empty\.txt, got an empty one/);
    expect(message).toMatch(/ {2}broken\.png: /);
    expect(message).toMatch(/ {2}text\.jpg: /);
  });

  it('reports metadata that names no image, and images that it does not name', async () => {
    await put('x.png', plain(1, 2, 3));
    await put('metadata.jsonl', '{"file_name": "y.png", "text": "why"}');
    const message = await problemsOf(read());
    expect(message).toMatch(/metadata\.jsonl: names y\.png, which is not there/);
    expect(message).toMatch(/x\.png: expected a line in metadata\.jsonl, got none/);
  });

  it('says which record of the metadata is wrong', async () => {
    await put('x.png', plain(1, 2, 3));
    await put('metadata.jsonl', '{"file_name": "x.png", "text": "x"}\n{"file": "x.png"}');
    expect(await problemsOf(read())).toMatch(/record 2 of metadata\.jsonl, got file/);
    await put('metadata.jsonl', '{"file_name": "x.png", "te');
    expect(await problemsOf(read())).toMatch(/JSON in line 1/);
  });

  it('has another id when a caption changes', async () => {
    await put('x.png', plain(1, 2, 3));
    await put('x.txt', 'one');
    const { id } = await read();
    await put('x.txt', 'two');
    expect((await read()).id).not.toBe(id);
  });

  it('refuses a folder without images, and a path that is no folder', async () => {
    await expect(read()).rejects.toThrow(ConfigError);
    await expect(imageFolder({ path: join(path, 'none'), imageSize: 2 })).rejects.toThrow(
      'expected a folder of images',
    );
  });
});

describe('parseCsv', () => {
  it('takes quoted commas, quotes and line breaks, and short rows', () => {
    expect(parseCsv('\uFEFFa,b\n"1,2","x ""y""\nz"\n3')).toEqual([
      { a: '1,2', b: 'x "y"\nz' },
      { a: '3', b: '' },
    ]);
  });
});
