import { ConfigError, WeightError } from '@muse/backend';
import { isObject } from '@muse/checkpoint';
import { BytePairs } from './bytePairs.js';
import { END_OF_TEXT, START_OF_TEXT, wordsOfText, wordsOfTextFast } from './words.js';

/** Token ids of texts, all padded to one length. */
export interface TokenBatch {
  /** i32 [B·T]. */
  readonly ids: Int32Array;
  readonly shape: readonly [B: number, T: number];
}

/** vocab.json, merges.txt and tokenizer_config.json as they are published. */
export interface ClipTokenizerFiles {
  /** Parsed: piece → id. */
  readonly vocab: unknown;
  readonly merges: string;
  /** Parsed; for the padding token and the greatest length. */
  readonly config?: unknown;
}

/** transformers reads no more merges than OpenAI's vocabulary has. */
const MAX_MERGES = 48_894;

/** Greater lengths in a tokenizer_config.json mean none. */
const NO_LENGTH = 1_000_000;

interface Pieces {
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly words: (text: string) => string[];
}

const problem = (where: string, message: string) => new WeightError({ package: 'clip-encoder', in: where }, message);

/** CLIP's tokenizer: words, then byte pairs, between a start and an end token. */
export class ClipTokenizer {
  /** Ids are below it. */
  readonly vocabSize: number;
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  /** Tokens of a text at most, by its configuration. */
  readonly maxLength?: number;
  readonly #pieces: Pieces;
  readonly #pairs: BytePairs;

  private constructor(pieces: Pieces, config: unknown, where: string) {
    this.#pieces = pieces;
    this.#pairs = new BytePairs(pieces.merges);
    const { vocab } = pieces;
    const idOf = (token: string) => {
      const id = vocab.get(token);
      if (id === undefined) throw problem(where, `expected ${token} in the vocabulary, got none`);
      return id;
    };
    this.startId = idOf(START_OF_TEXT);
    this.endId = idOf(END_OF_TEXT);
    this.padId = idOf(padTokenOf(config) ?? END_OF_TEXT);
    this.vocabSize = [...vocab.values()].reduce((most, id) => Math.max(most, id), 0) + 1;
    const length = isObject(config) ? config.model_max_length : undefined;
    if (Number.isSafeInteger(length) && (length as number) >= 2 && (length as number) < NO_LENGTH) {
      this.maxLength = length as number;
    }
  }

  /**
   * Of a folder with vocab.json and merges.txt; ids are those of transformers' CLIPTokenizer.
   *
   * @throws WeightError for files that are none
   */
  static fromFiles({ vocab, merges, config }: ClipTokenizerFiles): ClipTokenizer {
    const where = 'fromFiles';
    const lines = merges
      .trim()
      .split('\n')
      .slice(1, 1 + MAX_MERGES); // the first line is the version
    const pieces = {
      vocab: readVocab(where, 'vocab.json', vocab),
      merges: lines.map((line, i) => readMerge(where, `merges.txt: line ${i + 2}`, line)),
      words: wordsOfText,
    };
    return new ClipTokenizer(pieces, config, where);
  }

  /**
   * Of a tokenizer.json; ids are those of transformers' CLIPTokenizerFast.
   *
   * @param json parsed
   * @param config tokenizer_config.json, parsed
   * @throws WeightError for a tokenizer of another kind
   */
  static fromTokenizerJson(json: unknown, config?: unknown): ClipTokenizer {
    const where = 'fromTokenizerJson';
    const model = isObject(json) ? json.model : undefined;
    if (
      !isObject(model) ||
      model.type !== 'BPE' ||
      model.end_of_word_suffix !== '</w>' ||
      !Array.isArray(model.merges)
    ) {
      throw problem(where, 'expected tokenizer.json to hold a BPE model with merges and word ends </w>, got another');
    }
    const vocab = readVocab(where, 'tokenizer.json', model.vocab);
    for (const token of Array.isArray((json as { added_tokens?: unknown }).added_tokens)
      ? (json as { added_tokens: unknown[] }).added_tokens
      : []) {
      if (isObject(token) && typeof token.content === 'string' && Number.isSafeInteger(token.id)) {
        vocab.set(token.content, token.id as number);
      }
    }
    const merges = model.merges.map((merge, i) => readMerge(where, `tokenizer.json: merge ${i}`, merge));
    return new ClipTokenizer({ vocab, merges, words: wordsOfTextFast }, config, where);
  }

  /** The pieces of a text, without start and end. */
  pieces(text: string): string[] {
    return this.#pieces
      .words(text)
      .flatMap((word) => (word === START_OF_TEXT || word === END_OF_TEXT ? [word] : this.#pairs.pieces(word)));
  }

  /**
   * Start token, pieces, end token. A text that is too long is cut; the end token stays.
   *
   * @throws ConfigError if `maxLength` is no whole number of at least 2
   */
  encode(text: string, { maxLength }: { readonly maxLength?: number } = {}): Int32Array {
    if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 2)) {
      const place = { package: 'clip-encoder', in: 'encode' };
      throw new ConfigError(place, `expected maxLength to be a whole number of at least 2, got ${maxLength}`);
    }
    const { vocab } = this.#pieces;
    const ids = this.pieces(text).map((piece) => vocab.get(piece) ?? this.endId);
    const kept = maxLength === undefined ? ids : ids.slice(0, maxLength - 2);
    return Int32Array.of(this.startId, ...kept, this.endId);
  }

  /** @throws ConfigError without texts, or if `maxLength` is no whole number of at least 2 */
  encodeBatch(texts: readonly string[], maxLength: number): TokenBatch {
    if (texts.length === 0) {
      throw new ConfigError({ package: 'clip-encoder', in: 'encodeBatch' }, 'expected at least one text, got none');
    }
    const ids = new Int32Array(texts.length * maxLength).fill(this.padId);
    for (const [row, text] of texts.entries()) ids.set(this.encode(text, { maxLength }), row * maxLength);
    return { ids, shape: [texts.length, maxLength] };
  }
}

function padTokenOf(config: unknown): string | undefined {
  const token = isObject(config) ? config.pad_token : undefined;
  const content = isObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}

function readVocab(where: string, file: string, json: unknown): Map<string, number> {
  if (!isObject(json)) throw problem(where, `expected ${file} to hold an object of ids, got none`);
  return new Map(
    Object.entries(json).map(([piece, id]) => {
      if (Number.isSafeInteger(id) && (id as number) >= 0) return [piece, id as number];
      throw problem(where, `${file}: expected the id of ${JSON.stringify(piece)} to be a whole number, got ${id}`);
    }),
  );
}

function readMerge(where: string, at: string, merge: unknown): [string, string] {
  const parts: unknown = typeof merge === 'string' ? merge.trim().split(/\s+/) : merge;
  if (Array.isArray(parts) && parts.length === 2 && parts.every((part) => typeof part === 'string' && part !== '')) {
    return parts as [string, string];
  }
  throw problem(where, `${at}: expected two pieces, got ${JSON.stringify(merge)}`);
}
