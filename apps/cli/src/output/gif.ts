import type { RgbaImage } from '@muse/muse';
import { colorAt, makePalette } from './palette.js';

/** GIF89a: 256 colours, codes of at most 12 bits. */
const NUM_COLORS = 256;
const MIN_CODE_SIZE = 8;
const MAX_CODE_BITS = 12;
const CLEAR = 1 << MIN_CODE_SIZE;
const END = CLEAR + 1;

/** Little-endian bits into bytes. */
class BitWriter {
  readonly bytes: number[] = [];
  #buffer = 0;
  #numBits = 0;

  write(value: number, numBits: number): void {
    this.#buffer |= value << this.#numBits;
    this.#numBits += numBits;
    for (; this.#numBits >= 8; this.#numBits -= 8) {
      this.bytes.push(this.#buffer & 255);
      this.#buffer >>>= 8;
    }
  }

  end(): void {
    if (this.#numBits > 0) this.bytes.push(this.#buffer & 255);
  }
}

/** Lempel–Ziv–Welch as GIF has it: variable code width, a clear code when the table is full. */
function compress(indices: Uint8Array): number[] {
  const out = new BitWriter();
  let table = new Map<number, number>();
  let width = MIN_CODE_SIZE + 1;
  let next = END + 1;
  out.write(CLEAR, width);
  let prefix = indices[0]!;
  for (const index of indices.subarray(1)) {
    const key = (prefix << 8) | index;
    const code = table.get(key);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    out.write(prefix, width);
    if (next === 1 << MAX_CODE_BITS) {
      out.write(CLEAR, width);
      table = new Map();
      width = MIN_CODE_SIZE + 1;
      next = END + 1;
    } else {
      if (next === 1 << width) width++;
      table.set(key, next++);
    }
    prefix = index;
  }
  out.write(prefix, width);
  out.write(END, width);
  out.end();
  return out.bytes;
}

const u16 = (value: number) => [value & 255, value >> 8];

/**
 * An animated GIF that repeats for ever; the colours are shared by all frames, transparency is not kept.
 *
 * @param frames images of one size, sides below 65536
 * @param delayMs how long each is shown
 */
export function encodeGif(frames: readonly { readonly image: RgbaImage; readonly delayMs: number }[]): Uint8Array {
  const palette = makePalette(
    frames.map(({ image }) => image),
    NUM_COLORS,
  );
  const { width, height } = frames[0]!.image;
  const out: number[] = [...Buffer.from('GIF89a'), ...u16(width), ...u16(height), 0xf7, 0, 0];
  for (let i = 0; i < NUM_COLORS; i++) {
    const color = palette.colors[i] ?? 0;
    out.push(color >> 16, (color >> 8) & 255, color & 255);
  }
  out.push(0x21, 0xff, 11, ...Buffer.from('NETSCAPE2.0'), 3, 1, 0, 0, 0);
  for (const { image, delayMs } of frames) {
    const indices = Uint8Array.from({ length: width * height }, (_, pixel) => palette.indexOf(colorAt(image, pixel)));
    out.push(0x21, 0xf9, 4, 0, ...u16(Math.round(delayMs / 10)), 0, 0);
    out.push(0x2c, 0, 0, 0, 0, ...u16(width), ...u16(height), 0, MIN_CODE_SIZE);
    const data = compress(indices);
    for (let at = 0; at < data.length; at += 255) {
      const block = data.slice(at, at + 255);
      out.push(block.length, ...block);
    }
    out.push(0);
  }
  out.push(0x3b);
  return Uint8Array.from(out);
}
