import { ImageError, randomUint32 } from '@muse/backend';
import { decode, encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { decodePng, encodePng } from './png.js';
import { readPngText } from './pngChunks.js';

/** Random pixels, 7 × 5. */
function someImage(isOpaque: boolean) {
  const data = Uint8ClampedArray.from(randomUint32({ seed: 3, stage: 0 }, 7 * 5 * 4), (u, i) =>
    isOpaque && i % 4 === 3 ? 255 : u & 255,
  );
  return { width: 7, height: 5, data };
}

/** A file of known chunks for the readers of other colour types. */
function encodeWith(data: Uint8Array | Uint16Array, channels: number, depth: 1 | 8 | 16, palette?: number[][]) {
  return encode({ width: 3, height: 1, data, channels, depth, palette });
}

describe('encodePng and decodePng', () => {
  it.each([true, false])('give back the pixels (opaque: %s)', (isOpaque) => {
    const image = someImage(isOpaque);
    expect(decodePng(encodePng(image))).toEqual(image);
  });

  it('store RGB when the image is opaque, RGBA else', () => {
    expect(decode(encodePng(someImage(true))).channels).toBe(3);
    expect(decode(encodePng(someImage(false))).channels).toBe(4);
  });

  it('make the same bytes of the same image', () => {
    expect(encodePng(someImage(true), { a: 'b' })).toEqual(encodePng(someImage(true), { a: 'b' }));
  });

  it('write a file whose checksums others accept', () => {
    const png = encodePng(someImage(true), { Title: 'a cat', muse: '{"prompt":"गाय 🐄"}' });
    expect(decode(png, { checkCrc: true }).text).toEqual({ Title: 'a cat' });
  });
});

describe('decodePng', () => {
  const rgba = (bytes: Uint8Array) => [...decodePng(bytes).data];

  it('reads grey, grey with alpha, 16 bits and palettes', () => {
    expect(rgba(encodeWith(Uint8Array.of(0, 7, 255), 1, 8))).toEqual([0, 0, 0, 255, 7, 7, 7, 255, 255, 255, 255, 255]);
    expect(rgba(encodeWith(Uint8Array.of(9, 1, 8, 2, 7, 3), 2, 8))).toEqual([9, 9, 9, 1, 8, 8, 8, 2, 7, 7, 7, 3]);
    const wide = Uint16Array.of(0x1234, 0, 0xffff, 1, 2, 3, 0xff00, 0x00ff, 0x8080);
    expect(rgba(encodeWith(wide, 3, 16))).toEqual([0x12, 0, 255, 255, 0, 0, 0, 255, 255, 0, 128, 255]);
    const palette = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(rgba(encodeWith(Uint8Array.of(1, 0, 1), 1, 8, palette))).toEqual([4, 5, 6, 255, 1, 2, 3, 255, 4, 5, 6, 255]);
  });

  it('unpacks samples of one bit', () => {
    const black = [0, 0, 0, 255];
    const white = [255, 255, 255, 255];
    expect(rgba(encodeWith(Uint8Array.of(0b10100000), 1, 1))).toEqual([...white, ...black, ...white]);
  });

  it.each([
    ['no PNG', new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="10"/>')],
    ['nothing', new Uint8Array(0)],
    ['a PNG that is cut off', encodePng(someImage(true)).subarray(0, 60)],
  ])('refuses %s', (_, bytes) => expect(() => decodePng(bytes)).toThrow(ImageError));

  it('refuses a damaged byte in the pixels', () => {
    const bytes = encodePng(someImage(true));
    bytes[50]! ^= 0xff;
    expect(() => decodePng(bytes)).toThrow(ImageError);
  });

  it('refuses a size that would not fit into memory, before it allocates', () => {
    const bytes = encodePng(someImage(true));
    new DataView(bytes.buffer).setUint32(16, 0x7fffffff);
    expect(() => decodePng(bytes)).toThrow('expected at most 67108864 pixels, got 2147483647 × 5');
  });
});

describe('readPngText', () => {
  it('gives back any Unicode text, in order', () => {
    const text = { Title: 'plain', muse: '{"prompt":"«גמל» 🐫 e\u0301"}', Empty: '', Lines: 'a\nb' };
    const read = readPngText(encodePng(someImage(true), text));
    expect(read).toEqual(text);
    expect(Object.keys(read)).toEqual(Object.keys(text));
  });

  it('has nothing to say of a PNG without text, reads up to where a file is cut off, and refuses other files', () => {
    expect(readPngText(encodePng(someImage(true)))).toEqual({});
    const bytes = encodePng(someImage(true), { First: 'a', Second: 'b'.repeat(500) });
    expect(readPngText(bytes.subarray(0, 300))).toEqual({ First: 'a' });
    expect(() => readPngText(Uint8Array.of(1, 2, 3))).toThrow(ImageError);
  });

  it('a keyword that a PNG cannot hold is refused', () => {
    for (const keyword of ['', ' a', 'é', 'x'.repeat(80)]) {
      expect(() => encodePng(someImage(true), { [keyword]: 'text' })).toThrow(ImageError);
    }
  });
});
