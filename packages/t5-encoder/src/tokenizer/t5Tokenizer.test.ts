import { readFileSync } from 'node:fs';
import { ConfigError, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { T5Tokenizer } from './t5Tokenizer.js';

/** Made by internal/fixtures/python/t5.py with tokenizers 0.22.2 and sentencepiece 0.2.3. */
const rows: { text: string; ids: number[] }[] = JSON.parse(
  readFileSync(fixturePath('t5/t5-tokenizer/expected.json'), 'utf8'),
);
const fromJson = T5Tokenizer.fromTokenizerJson(readFileSync(fixturePath('t5/t5-tokenizer/tokenizer.json'), 'utf8'));
const spiece = new Uint8Array(readFileSync(fixturePath('t5/t5-tokenizer/spiece.model')));
const fromSpiece = T5Tokenizer.fromSentencePiece(spiece, { numExtraIds: 20 });

describe('ids equal those of the tokenizers library', () => {
  it.each(rows)('$text', ({ text, ids }) => {
    expect(Array.from(fromJson.encode(text))).toEqual(ids);
    expect(Array.from(fromSpiece.encode(text))).toEqual(ids);
  });
  it('checks all 65 strings', () => expect(rows).toHaveLength(65));
});
