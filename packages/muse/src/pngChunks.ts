import { ImageError } from '@muse/backend';

/** PNG, third edition (W3C 2025): the eight bytes that every file begins with. */
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Signature and IHDR, which must come first: 8 + 4 + 4 + 13 + 4. */
const HEADER_BYTES = 33;

const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();

/** What a reader has to know of a file before its pixels. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** @throws ImageError when the bytes are no PNG */
export function readPngHeader(bytes: Uint8Array): PngHeader {
  const isPng =
    bytes.length >= HEADER_BYTES &&
    SIGNATURE.every((byte, i) => bytes[i] === byte) &&
    latin1.decode(bytes.subarray(12, 16)) === 'IHDR';
  if (!isPng) {
    throw new ImageError({ package: 'muse', in: 'readPng' }, 'expected a PNG file, got something else');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Chunks up to the end of the file or to where it is cut off. */
function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const size = view.getUint32(at);
    if (at + 12 + size > bytes.length) return;
    const type = latin1.decode(bytes.subarray(at + 4, at + 8));
    yield { type, data: bytes.subarray(at + 8, at + 8 + size) };
    at += 12 + size;
  }
}

function encodeChunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/** `tEXt` for printable ASCII, which every reader knows; `iTXt` (UTF-8) for all else. */
function encodeText(keyword: string, text: string): Uint8Array {
  if (!/^[\x21-\x7e]([\x20-\x7e]{0,77}[\x21-\x7e])?$/.test(keyword)) {
    throw new ImageError(
      { package: 'muse', in: 'encodePng' },
      `expected a keyword of 1 to 79 printable ASCII characters, got ${JSON.stringify(keyword)}`,
    );
  }
  const isPlain = /^[\x20-\x7e\n]*$/.test(text);
  // iTXt: keyword, 0, not compressed, method 0, no language, 0, no translated keyword, 0, text.
  const bytes = new TextEncoder().encode(`${keyword}\0${isPlain ? '' : '\0\0\0\0'}${text}`);
  return encodeChunk(isPlain ? 'tEXt' : 'iTXt', bytes);
}

/** The file with text chunks after its header, in the order of the record. */
export function withText(png: Uint8Array, text: Readonly<Record<string, string>>): Uint8Array {
  const parts = [
    png.subarray(0, HEADER_BYTES),
    ...Object.entries(text).map(([keyword, value]) => encodeText(keyword, value)),
    png.subarray(HEADER_BYTES),
  ];
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Text chunks of a PNG file by keyword: `tEXt`, and `iTXt` that is not compressed.
 *
 * @throws ImageError when the bytes are no PNG
 */
export function readPngText(bytes: Uint8Array): Record<string, string> {
  readPngHeader(bytes);
  const text: [string, string][] = [];
  for (const { type, data } of chunksOf(bytes)) {
    const end = data.indexOf(0);
    if (end < 1) continue;
    const keyword = latin1.decode(data.subarray(0, end));
    if (type === 'tEXt') text.push([keyword, latin1.decode(data.subarray(end + 1))]);
    else if (type === 'iTXt' && data[end + 1] === 0) {
      const languageEnd = data.indexOf(0, end + 3);
      const translatedEnd = languageEnd < 0 ? -1 : data.indexOf(0, languageEnd + 1);
      if (translatedEnd >= 0) text.push([keyword, utf8.decode(data.subarray(translatedEnd + 1))]);
    }
  }
  return Object.fromEntries(text);
}
