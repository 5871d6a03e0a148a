import { WeightError } from '@muse/backend';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Graphemes of this many bytes and more are looked up character by character. */
const LONG_GRAPHEME_BYTES = 6;

/**
 * A SentencePiece `precompiled_charsmap`: a double-array trie from UTF-8 strings to their replacements.
 *
 * Layout: u32 byte length of the trie, the trie's u32 units (little endian, as darts-clone packs them), then the
 * replacements, each ended by a zero byte.
 *
 * @see https://github.com/google/sentencepiece src/normalizer.cc and third_party/darts_clone/darts.h
 */
export class Charsmap {
  private readonly units: Uint32Array;
  private readonly replacements: Uint8Array;

  /** @throws WeightError if the sizes don't fit */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.byteLength >= 4 ? view.getUint32(0, true) : 0;
    if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.byteLength) {
      throw new WeightError(
        { package: 't5-encoder', in: 'Charsmap' },
        `expected a precompiled charsmap with a trie inside its ${bytes.byteLength} bytes, got a trie of ${trieBytes} bytes`,
      );
    }
    this.units = Uint32Array.from({ length: trieBytes / 4 }, (_, index) => view.getUint32(4 + 4 * index, true));
    this.replacements = bytes.subarray(4 + trieBytes);
  }

  /**
   * The normalised text, by the rule of Python's `tokenizers` library: a grapheme shorter than 6 bytes is replaced as a whole
   * if the trie knows it or a prefix of it, else its characters one by one; what the trie doesn't know stays.
   */
  normalize(text: string): string {
    let out = '';
    for (const { segment: grapheme } of segmenter.segment(text)) {
      const bytes = encoder.encode(grapheme);
      const whole = bytes.length < LONG_GRAPHEME_BYTES ? this.replacementOf(bytes) : undefined;
      if (whole !== undefined) out += whole;
      else for (const character of grapheme) out += this.replacementOf(encoder.encode(character)) ?? character;
    }
    return out;
  }

  /** Replacement of the shortest prefix of `key` that the trie holds. */
  private replacementOf(key: Uint8Array): string | undefined {
    let position = offsetOf(this.units[0]!);
    for (const byte of key) {
      position ^= byte;
      const unit = this.units[position];
      if (byte === 0 || unit === undefined || labelOf(unit) !== byte) return undefined;
      position ^= offsetOf(unit);
      if (hasLeaf(unit)) return this.replacementAt(startOf(this.units[position] ?? 0));
    }
    return undefined;
  }

  private replacementAt(start: number): string {
    const end = this.replacements.indexOf(0, start);
    return decoder.decode(this.replacements.subarray(start, end < 0 ? undefined : end));
  }
}

// The packing of a darts-clone unit.
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1;
const startOf = (unit: number): number => unit & 0x7fffffff;
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offsetOf = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
