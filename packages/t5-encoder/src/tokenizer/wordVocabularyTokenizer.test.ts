import { readFileSync } from 'node:fs';
import { ConfigError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { T5Tokenizer } from './t5Tokenizer.js';
import { wordVocabularyTokenizer } from './wordVocabularyTokenizer.js';

const words = 'a smiling cat cats 3D style t-rex piñata on white background No. the of left to dog and'.split(' ');
const json = wordVocabularyTokenizer(words);
const tokenizer = T5Tokenizer.fromTokenizerJson(json);
const pieces = (text: string) => tokenizer.pieces(tokenizer.encode(text)).join(' ');

describe('wordVocabularyTokenizer', () => {
  it('makes one token of each known word, however it is written', () => {
    expect(pieces('a smiling cat, 3D style')).toBe('▁a ▁smiling ▁cat ▁, ▁3d ▁style </s>');
    expect(pieces('A SMILING CAT 3d')).toBe('▁a ▁smiling ▁cat ▁3d </s>');
    expect(pieces('(cat)/“cat”')).toBe('▁( ▁cat ▁) ▁/ ▁" ▁cat ▁" </s>');
    expect(pieces('T-Rex, PIN\u0303ATA No. 7')).toBe('▁t-rex ▁, ▁pinata ▁no. ▁7 </s>');
    for (const word of words) expect(tokenizer.encode(word)).toHaveLength(2);
  });

  it('spells other words, after the longest known word that they begin with', () => {
    expect(pieces('scatter')).toBe('▁s c a t t e r </s>');
    expect(pieces('dogs')).toBe('▁dog s </s>');
    expect(pieces('catsuit')).toBe('▁cats u i t </s>');
    expect(pieces("don't")).toBe("▁d o n ' t </s>");
  });

  it('never gives <unk> for printable ASCII', () => {
    const ascii = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
    for (const first of ascii) {
      for (const second of ascii) {
        for (const text of [first + second, `cat${first}${second}`]) {
          expect(Array.from(tokenizer.encode(text)), JSON.stringify(text)).not.toContain(tokenizer.unkTokenId);
        }
      }
    }
  });

  it('gives <unk> for other characters and goes on after them', () => {
    expect(pieces('😀 cat')).toBe('▁ <unk> ▁cat </s>');
    expect(pieces('حمراء a חתול')).toBe('▁ <unk> ▁a ▁ <unk> </s>');
    expect(pieces('猫が座っている cat')).toBe('▁ <unk> ▁cat </s>');
    expect(pieces('\ud83d \u0000 cat')).toBe('▁ <unk> ▁ <unk> ▁cat </s>');
  });

  it('numbers <pad>, </s>, <unk>, then the words in their order, each once', () => {
    expect(json.model.vocab.slice(0, 6).map(([piece]) => piece)).toEqual([
      '<pad>',
      '</s>',
      '<unk>',
      '▁a',
      '▁smiling',
      '▁cat',
    ]);
    // 3 special tokens, 18 words, ▁, and 68 characters with and without ▁ but ▁a, which is a word.
    expect(tokenizer.vocabSize).toBe(3 + 18 + 1 + 2 * 68 - 1);
    expect(wordVocabularyTokenizer([...words, 'CAT', 'piñata'])).toEqual(json);
  });

  it('works without words', () => {
    const spelling = T5Tokenizer.fromTokenizerJson(wordVocabularyTokenizer([]));
    expect(spelling.pieces(spelling.encode('a cat'))).toEqual(['▁a', '▁c', 'a', 't', '</s>']);
  });

  it.each(['', 'smiling cat', '猫', 'a\tb'])('refuses the word %j', (word) => {
    expect(() => wordVocabularyTokenizer(['cat', word])).toThrow(ConfigError);
    expect(() => wordVocabularyTokenizer(['cat', word])).toThrow(`without spaces, got ${JSON.stringify(word)}`);
  });

  // Made by internal/fixtures/python/t5_words.py with tokenizers 0.22.2.
  describe('gives the same ids in the tokenizers library', () => {
    const read = (name: string) => JSON.parse(readFileSync(fixturePath(`t5/t5-words/${name}`), 'utf8'));

    it('from the same file', () => expect(JSON.parse(JSON.stringify(json))).toEqual(read('tokenizer.json')));

    it.each<{ text: string; ids: number[] }>(read('expected.json'))('$text', ({ text, ids }) => {
      expect(Array.from(tokenizer.encode(text))).toEqual(ids);
    });
  });
});
