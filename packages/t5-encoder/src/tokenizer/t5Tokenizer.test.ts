import { readFileSync } from 'node:fs';
import { ConfigError, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, it } from 'vitest';
import { sentencePieceToTokenizerJson } from './sentencePieceToTokenizerJson.js';
import { T5Tokenizer } from './t5Tokenizer.js';

// Made by internal/fixtures/python/t5.py with tokenizers 0.22.2 and sentencepiece 0.2.3.
const rows: { text: string; ids: number[] }[] = JSON.parse(
  readFileSync(fixturePath('t5/t5-tokenizer/expected.json'), 'utf8'),
);
const json = readFileSync(fixturePath('t5/t5-tokenizer/tokenizer.json'), 'utf8');
const spiece = new Uint8Array(readFileSync(fixturePath('t5/t5-tokenizer/spiece.model')));
const tokenizer = T5Tokenizer.fromTokenizerJson(json);

describe('ids equal those of the tokenizers library', () => {
  const fromSpiece = T5Tokenizer.fromSentencePiece(spiece, { numExtraIds: 20 });

  it.each(rows)('$text', ({ text, ids }) => {
    expect(Array.from(tokenizer.encode(text))).toEqual(ids);
    expect(Array.from(fromSpiece.encode(text))).toEqual(ids);
  });

  it('for all 65 strings', () => expect(rows).toHaveLength(65));

  it('at U+0344, U+200D and U+0085, where @huggingface/tokenizers differs by itself', () => {
    const pieces = (text: string) => tokenizer.pieces(tokenizer.encode(text));
    expect(pieces('a\u0344b')).toEqual(['▁a', '<unk>', 'b', '</s>']);
    expect(pieces('a\u200db')).toEqual(['▁a', '<unk>', 'b', '</s>']);
    expect(pieces('a\u0085b')).toEqual(['▁a', '▁b', '</s>']);
  });
});

describe('fromSentencePiece', () => {
  it('gives the published tokenizer.json in vocabulary, special tokens, normaliser and pre-tokenizer', () => {
    const expected = JSON.parse(json);
    const actual = JSON.parse(JSON.stringify(sentencePieceToTokenizerJson(spiece, 20)));
    for (const key of ['model', 'added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor']) {
      expect(actual[key], key).toEqual(expected[key]);
    }
  });

  it('adds 100 sentinels unless told otherwise', () => {
    expect(T5Tokenizer.fromSentencePiece(spiece).vocabSize).toBe(2400);
    expect(T5Tokenizer.fromSentencePiece(spiece, { numExtraIds: 0 }).vocabSize).toBe(2300);
  });

  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(), 'expected pieces, got none'],
    ['text', new TextEncoder().encode('{"version": "1.0"}'), 'expected a protobuf message'],
    ['a file cut short', spiece.subarray(0, 5000), 'expected a protobuf message, got a field ends at byte'],
    // trainer_spec (field 2) { model_type (field 3): 2 = BPE } after the pieces
    ['a BPE model', Uint8Array.of(...piece('</s>', 3), 0x12, 2, 0x18, 2), 'expected model_type 1 (unigram), got 2'],
    ['byte pieces', Uint8Array.of(...piece('<0x00>', 6)), 'user-defined pieces, got type 6 (<0x00>)'],
    ['a model without an unknown piece', Uint8Array.of(...piece('</s>', 3)), 'expected an unknown piece and </s>'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => T5Tokenizer.fromSentencePiece(bytes)).toThrow(WeightError);
    expect(() => T5Tokenizer.fromSentencePiece(bytes)).toThrow(message);
  });
});

/** A piece of a SentencePiece model as protobuf: field 1 { piece (field 1), type (field 3) }. */
function piece(text: string, type: number): number[] {
  const body = [0x0a, text.length, ...new TextEncoder().encode(text), 0x18, type];
  return [0x0a, body.length, ...body];
}

describe('fromTokenizerJson', () => {
  it('takes text or the parsed object', () => {
    expect(T5Tokenizer.fromTokenizerJson(JSON.parse(json)).encode('a cat')).toEqual(tokenizer.encode('a cat'));
  });

  it('knows the special tokens and the size', () => {
    const { vocabSize, padTokenId, eosTokenId, unkTokenId } = tokenizer;
    expect({ vocabSize, padTokenId, eosTokenId, unkTokenId }).toEqual({
      vocabSize: 2320,
      padTokenId: 0,
      eosTokenId: 1,
      unkTokenId: 2,
    });
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '<html>', 'expected JSON, got "<html>"'],
    ['null', 'null', 'model type Unigram, got undefined'],
    ['another model', { model: { type: 'BPE' } }, 'model type Unigram, got BPE'],
    ['a file without its parts', { model: { type: 'Unigram' } }, 'model.vocab of tokenizer.json to be a list of 1 to'],
    ['a piece without a score', withModel({ vocab: [['<pad>', 0], ['a']] }), 'model.vocab[1] of tokenizer.json'],
    [
      'an unknown token that is none',
      withModel({ unk_id: 2320 }),
      'model.unk_id of tokenizer.json to be a whole number',
    ],
    ['pieces of bytes', withModel({ byte_fallback: true }), 'model.byte_fallback of tokenizer.json to be false'],
    ['an added token without a text', withPart({ added_tokens: [{ id: 3 }] }), 'added_tokens[0].content'],
    ['a normaliser of another kind', withPart({ normalizer: { type: 'Bert' } }), 'normalizer.type of tokenizer.json'],
    [
      'a pattern that is none',
      withPart({ normalizer: { type: 'Replace', pattern: { Regex: '(' }, content: '' } }),
      "can't be read",
    ],
    [
      'a vocabulary without </s>',
      withModel(
        {
          vocab: [
            ['<pad>', 0],
            ['<unk>', 0],
          ],
          unk_id: 1,
        },
        { added_tokens: [] },
      ),
      'a vocabulary with </s>, got one without',
    ],
    ['a broken charsmap', withCharsmap('AAAA'), 'expected a precompiled charsmap'],
    ['no base64', withCharsmap('*'), "can't be read"],
  ])('refuses %s', (_, file, message) => {
    expect(() => T5Tokenizer.fromTokenizerJson(file)).toThrow(WeightError);
    expect(() => T5Tokenizer.fromTokenizerJson(file)).toThrow(message);
  });

  it('reads the form of files from before 2024: a prefix space instead of a scheme', () => {
    const old = { type: 'Metaspace', replacement: '▁', add_prefix_space: true };
    const parts = { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, old] };
    const before = T5Tokenizer.fromTokenizerJson(withPart({ pre_tokenizer: parts }));
    for (const { text, ids } of rows) expect(Array.from(before.encode(text)), text).toEqual(ids);
  });

  it('leaves text as it is where the charsmap is empty', () => {
    const plain = T5Tokenizer.fromTokenizerJson(withCharsmap(''));
    expect(plain.pieces(plain.encode('ﬁne'))).not.toEqual(tokenizer.pieces(tokenizer.encode('ﬁne')));
    expect(plain.encode('a cat')).toEqual(tokenizer.encode('a cat'));
  });
});

function withPart(part: object): object {
  return { ...JSON.parse(json), ...part };
}

function withModel(fields: object, part: object = {}): object {
  const file = JSON.parse(json);
  return { ...file, model: { ...file.model, ...fields }, ...part };
}

function withCharsmap(charsmap: string): object {
  return { ...JSON.parse(json), normalizer: { type: 'Precompiled', precompiled_charsmap: charsmap } };
}

describe('encode', () => {
  it('gives </s> alone for an empty or blank text', () => {
    expect(Array.from(tokenizer.encode(''))).toEqual([1]);
    expect(Array.from(tokenizer.encode(' \t\n\u3000'))).toEqual([1]);
  });

  it('cuts to maxLength and keeps </s> last', () => {
    const whole = Array.from(tokenizer.encode('the quick brown fox'));
    expect(Array.from(tokenizer.encode('the quick brown fox', { maxLength: 4 }))).toEqual([...whole.slice(0, 3), 1]);
    expect(Array.from(tokenizer.encode('the quick brown fox', { maxLength: 1 }))).toEqual([1]);
    expect(Array.from(tokenizer.encode('the quick brown fox', { maxLength: whole.length }))).toEqual(whole);
  });

  it('takes 10,000 characters and lone surrogates', () => {
    expect(tokenizer.encode('x'.repeat(10_000), { maxLength: 24 })).toHaveLength(24);
    expect(tokenizer.encode('\ud83d cat \ude00').at(-1)).toBe(1);
  });

  it('refuses what is no text and lengths below 1', () => {
    expect(() => tokenizer.encode(undefined as unknown as string)).toThrow(ConfigError);
    for (const maxLength of [0, -1, 2.5, Number.NaN]) {
      expect(() => tokenizer.encode('a', { maxLength })).toThrow(`whole number of at least 1, got ${maxLength}`);
    }
  });
});

describe('encodeBatch', () => {
  it('pads each text to maxLength with <pad> and mask 0', () => {
    const cat = Array.from(tokenizer.encode('a cat'));
    const { ids, mask, shape } = tokenizer.encodeBatch(['a cat', ''], 7);
    expect(shape).toEqual([2, 7]);
    expect(Array.from(ids)).toEqual([...cat, ...Array(7 - cat.length).fill(0), 1, 0, 0, 0, 0, 0, 0]);
    expect(Array.from(mask)).toEqual([...cat.map(() => 1), ...Array(7 - cat.length).fill(0), 1, 0, 0, 0, 0, 0, 0]);
  });

  it('refuses an empty batch and lengths below 1', () => {
    expect(() => tokenizer.encodeBatch([], 7)).toThrow('expected at least one text, got none');
    expect(() => tokenizer.encodeBatch(['a'], 0)).toThrow(ConfigError);
  });
});
