import { readFileSync } from 'node:fs';
import { WeightError } from '@muse/backend';
import { memoryFolder } from '@muse/checkpoint';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { loadClipTokenizer } from '../loadClip.js';
import { ClipTokenizer } from './clipTokenizer.js';
import { fixText } from './fixText.js';

interface Golden {
  readonly text: string;
  readonly ids: readonly number[];
}

const json = (path: string) => JSON.parse(readFileSync(fixturePath(path), 'utf8'));
/** internal/fixtures/python/clip.py: transformers 4.57.6, tokenizers 0.22.2, ftfy 6.3.1. */
const golden: { ids: Golden[]; fast: Golden[] } = json('clip/expected.json');
const vocab: Record<string, number> = json('amused/amused-tiny/tokenizer/vocab.json');
const merges = readFileSync(fixturePath('amused/amused-tiny/tokenizer/merges.txt'), 'utf8');
const slow = ClipTokenizer.fromFiles({ vocab, merges });
const fast = ClipTokenizer.fromTokenizerJson(json('clip/tokenizer.json'));

describe('ClipTokenizer', () => {
  it.each(golden.ids)("of vocab.json and merges.txt gives CLIPTokenizer's ids: $text", ({ text, ids }) => {
    expect([...slow.encode(text, { maxLength: 31 })]).toEqual(ids);
  });

  it.each(golden.fast)("of tokenizer.json gives CLIPTokenizerFast's ids: $text", ({ text, ids }) => {
    expect([...fast.encode(text)]).toEqual(ids);
  });

  it('pads with its padding token, which may be another than the end', () => {
    const { startId, endId } = slow;
    expect(slow.encodeBatch(['', 'a'], 4)).toEqual({
      ids: Int32Array.of(startId, endId, endId, endId, startId, vocab['a</w>']!, endId, endId),
      shape: [2, 4],
    });
    const other = ClipTokenizer.fromFiles({
      vocab,
      merges,
      config: { pad_token: { content: '!' }, model_max_length: 9 },
    });
    expect([...other.encodeBatch([''], 3).ids]).toEqual([startId, endId, vocab['!']]);
    expect(other.maxLength).toBe(9);
  });

  it('cuts a long text and keeps its end', () => {
    expect([...slow.encode('a a a a', { maxLength: 4 })].at(-1)).toBe(slow.endId);
    expect(() => slow.encode('a', { maxLength: 1 })).toThrow('expected maxLength to be a whole number of at least 2');
    expect(() => slow.encodeBatch([], 4)).toThrow('expected at least one text, got none');
  });

  it.each<[string, () => unknown]>([
    ['expected <|startoftext|> in the vocabulary, got none', () => ClipTokenizer.fromFiles({ vocab: {}, merges: '' })],
    ['vocab.json to hold an object of ids', () => ClipTokenizer.fromFiles({ vocab: [], merges: '' })],
    ['the id of "a" to be a whole number, got x', () => ClipTokenizer.fromFiles({ vocab: { a: 'x' }, merges: '' })],
    ['merges.txt: line 3: expected two pieces', () => ClipTokenizer.fromFiles({ vocab, merges: '#v\na b\na b c\n' })],
    [
      'expected tokenizer.json to hold a BPE model',
      () => ClipTokenizer.fromTokenizerJson({ model: { type: 'Unigram' } }),
    ],
  ])('refuses files that are none: %s', (message, make) => {
    expect(make).toThrow(WeightError);
    expect(make).toThrow(message);
  });

  it('needs both files, or the one', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(vocab));
    const folder = memoryFolder('tokenizer', new Map([['vocab.json', bytes]]));
    await expect(loadClipTokenizer(folder)).rejects.toThrow(
      'expected vocab.json and merges.txt, or tokenizer.json, in tokenizer, got vocab.json alone',
    );
  });
});

describe('fixText', () => {
  it.each([
    ['entities but not in what may be HTML', '&lt;b&gt; &#233; &#xe9; &amp;amp; &unknown;', '<b> é é &amp; &unknown;'],
    ['HTML stays', '<p>&amp;</p>', '<p>&amp;</p>'],
    ['Windows quotes decoded as Latin-1', '\u0093hi\u0094', '"hi"'],
    ['a code point that is none', '&#0; &#xd800;', '&#0; &#xd800;'],
    ['line breaks', 'a\r\nb\rc\u2028d', 'a\nb\nc\nd'],
  ])('%s', (_, text, expected) => {
    expect(fixText(text)).toBe(expected);
  });
});
