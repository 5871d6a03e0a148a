import { Tokenizer } from '@huggingface/tokenizers';
import { ConfigError, WeightError } from '@muse/backend';
import { type HuggingFaceNormalizer, readCharsmaps, splitAtUnicodeWhitespace } from './exactTokenization.js';
import { readTokenizerJson } from './readTokenizerJson.js';
import { sentencePieceToTokenizerJson } from './sentencePieceToTokenizerJson.js';
import type { TokenizerJson } from './tokenizerJson.js';

export interface TokenBatch {
  /** i32 [B, T], row by row. */
  readonly ids: Int32Array;
  /** f32 [B, T], 1 where there is a token, 0 at padding. */
  readonly mask: Float32Array;
  readonly shape: [B: number, T: number];
}

export interface SentencePieceOptions {
  /** Sentinels `<extra_id_…>` added after the pieces, 100 in all published T5 models. */
  readonly numExtraIds?: number;
}

/** What is used of @huggingface/tokenizers' `Tokenizer`. */
interface HuggingFaceTokenizer {
  readonly normalizer: HuggingFaceNormalizer | null;
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: number[] };
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_vocab(): Map<string, number>;
}

const place = (where: string) => ({ package: 't5-encoder', in: where });

/**
 * The SentencePiece-unigram tokenizer of T5 (Kudo & Richardson 2018, arXiv 1808.06226), by @huggingface/tokenizers.
 * Its ids are those of Python's `tokenizers` library.
 */
export class T5Tokenizer {
  /** Ids run from 0 to `vocabSize` − 1. */
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly eosTokenId: number;
  readonly unkTokenId: number;

  private constructor(
    private readonly tokenizer: HuggingFaceTokenizer,
    where: string,
  ) {
    this.vocabSize = 1 + [...tokenizer.get_vocab().values()].reduce((most, id) => Math.max(most, id), -1);
    this.padTokenId = idOf(tokenizer, '<pad>', where);
    this.eosTokenId = idOf(tokenizer, '</s>', where);
    this.unkTokenId = idOf(tokenizer, '<unk>', where);
  }

  /**
   * @param json parsed `tokenizer.json` or its text
   * @throws WeightError if it is no unigram tokenizer with `<pad>`, `</s>` and `<unk>`
   */
  static fromTokenizerJson(json: unknown): T5Tokenizer {
    const where = 'fromTokenizerJson';
    const parsed = typeof json === 'string' ? parseJson(json, where) : json;
    const file = readTokenizerJson(parsed);
    let tokenizer: HuggingFaceTokenizer;
    try {
      tokenizer = new Tokenizer(
        { ...file, pre_tokenizer: splitAtUnicodeWhitespace(file.pre_tokenizer as object | null) },
        {},
      );
      readCharsmaps(tokenizer.normalizer);
    } catch (cause) {
      throw new WeightError(place(where), `expected a tokenizer.json, got one that can't be read: ${String(cause)}`, {
        cause,
      });
    }
    return new T5Tokenizer(tokenizer, where);
  }

  /**
   * @param bytes `spiece.model`
   * @throws WeightError if it is no SentencePiece unigram model
   */
  static fromSentencePiece(bytes: Uint8Array, options: SentencePieceOptions = {}): T5Tokenizer {
    return T5Tokenizer.fromTokenizerJson(
      sentencePieceToTokenizerJson(bytes, options.numExtraIds) satisfies TokenizerJson,
    );
  }

  /**
   * Token ids of a text, `</s>` last; an empty text is `</s>` alone.
   *
   * @param options.maxLength longer texts are cut to this many tokens, `</s>` among them
   * @throws ConfigError if the text is no string or `maxLength` no whole number of at least 1
   */
  encode(text: string, { maxLength }: { readonly maxLength?: number } = {}): Int32Array {
    if (typeof text !== 'string') throw new ConfigError(place('encode'), `expected a text, got ${typeof text}`);
    if (maxLength !== undefined) checkMaxLength(maxLength, 'encode');
    const { ids } = this.tokenizer.encode(wellFormed(text), { add_special_tokens: false });
    const kept = maxLength === undefined ? ids : ids.slice(0, maxLength - 1);
    return Int32Array.from([...kept, this.eosTokenId]);
  }

  /** Token ids of texts, each cut or padded (with `<pad>`, mask 0) to `maxLength`. @throws ConfigError as `encode`, or without texts */
  encodeBatch(texts: readonly string[], maxLength: number): TokenBatch {
    checkMaxLength(maxLength, 'encodeBatch');
    if (texts.length === 0) throw new ConfigError(place('encodeBatch'), 'expected at least one text, got none');
    const ids = new Int32Array(texts.length * maxLength).fill(this.padTokenId);
    const mask = new Float32Array(texts.length * maxLength);
    texts.forEach((text, row) => {
      const tokenIds = this.encode(text, { maxLength });
      ids.set(tokenIds, row * maxLength);
      mask.fill(1, row * maxLength, row * maxLength + tokenIds.length);
    });
    return { ids, mask, shape: [texts.length, maxLength] };
  }

  /** Pieces of token ids, for people and tests. */
  pieces(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.tokenizer.id_to_token(id) ?? `<${id}?>`);
  }
}

function idOf(tokenizer: HuggingFaceTokenizer, token: string, where: string): number {
  const id = tokenizer.token_to_id(token);
  if (id === undefined) throw new WeightError(place(where), `expected a vocabulary with ${token}, got one without`);
  return id;
}

function checkMaxLength(maxLength: number, where: string): void {
  if (!Number.isSafeInteger(maxLength) || maxLength < 1) {
    throw new ConfigError(place(where), `expected maxLength to be a whole number of at least 1, got ${maxLength}`);
  }
}

/** Lone surrogates, which UTF-8 can't hold, become U+FFFD. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WeightError(place(where), `expected JSON, got ${JSON.stringify(text.slice(0, 40))}…`, { cause });
  }
}
