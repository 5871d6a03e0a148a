import { readFileSync } from 'node:fs';
import { WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { Charsmap } from './charsmap.js';

const { normalizer } = JSON.parse(readFileSync(fixturePath('t5/t5-tokenizer/tokenizer.json'), 'utf8'));
const bytes = new Uint8Array(Buffer.from(normalizer.precompiled_charsmap, 'base64'));
const map = new Charsmap(bytes);

describe('SentencePiece’s nmt_nfkc map', () => {
  it.each([
    ['ligatures, fractions, full width', 'ﬁ ½ Ａ', 'fi 1⁄2 A'],
    ['composition', 'e\u0301', 'é'],
    ['white space', 'a\u00a0b\u3000c\td', 'a b c d'],
    ['control characters, dropped', 'a\u0007b', 'ab'],
    ['the joiner, kept', 'a\u200db', 'a\u200db'],
    ['a long grapheme, character by character', '👨‍👩‍👧', '👨‍👩‍👧'],
    ['plain text', 'a cat', 'a cat'],
    ['nothing', '', ''],
  ])('%s', (_, text, normalized) => {
    expect(map.normalize(text)).toBe(normalized);
  });

  it('reads from bytes at any offset', () => {
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(new Charsmap(shifted.subarray(3)).normalize('ﬁ')).toBe('fi');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['a trie longer than the bytes', Uint8Array.of(8, 0, 0, 0, 1, 1, 1, 1)],
    ['a trie of part of a unit', Uint8Array.of(3, 0, 0, 0, 1, 1, 1, 1)],
  ])('refuses %s', (_, broken) => {
    expect(() => new Charsmap(broken)).toThrow(WeightError);
  });
});
