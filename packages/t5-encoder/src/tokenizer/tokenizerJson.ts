/** The parts of a `tokenizer.json` (Hugging Face `tokenizers`) that this package writes. */
export interface TokenizerJson {
  readonly version: string;
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly AddedTokenJson[];
  readonly normalizer: object | null;
  readonly pre_tokenizer: object;
  readonly post_processor: object;
  readonly decoder: object;
  readonly model: {
    readonly type: 'Unigram';
    readonly unk_id: number;
    /** Piece and log probability; the index is the id. */
    readonly vocab: readonly (readonly [piece: string, score: number])[];
    readonly byte_fallback: false;
  };
}

export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** Marks the start of a word. */
export const WORD_START = '\u2581';

export interface TokenizerParts {
  readonly vocab: readonly (readonly [piece: string, score: number])[];
  readonly specials: readonly { readonly id: number; readonly content: string }[];
  readonly unkTokenId: number;
  readonly eosTokenId: number;
  readonly normalizer: object | null;
  readonly preTokenizers: readonly object[];
}

/** A `tokenizer.json` of T5's kind: unigram pieces, words marked by U+2581, `</s>` at the end. */
export function t5TokenizerJson(parts: TokenizerParts): TokenizerJson {
  const { vocab, specials, unkTokenId, eosTokenId } = parts;
  const eos = vocab[eosTokenId]![0];
  const end = { SpecialToken: { id: eos, type_id: 0 } };
  const text = (id: 'A' | 'B') => ({ Sequence: { id, type_id: 0 } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map(({ id, content }) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: parts.normalizer,
    pre_tokenizer: { type: 'Sequence', pretokenizers: parts.preTokenizers },
    post_processor: {
      type: 'TemplateProcessing',
      single: [text('A'), end],
      pair: [text('A'), end, text('B'), end],
      special_tokens: { [eos]: { id: eos, ids: [eosTokenId], tokens: [eos] } },
    },
    decoder: { type: 'Metaspace', replacement: WORD_START, prepend_scheme: 'always', split: true },
    model: { type: 'Unigram', unk_id: unkTokenId, vocab, byte_fallback: false },
  };
}
