import { WeightError } from '@muse/backend';
import { protoFields } from './protobuf.js';
import { type TokenizerJson, t5TokenizerJson, WORD_START } from './tokenizerJson.js';

/** What a `spiece.model` holds that tokenization needs. */
interface SentencePieceModel {
  readonly pieces: { readonly piece: string; readonly score: number; readonly type: number }[];
  charsmap: Uint8Array;
  modelType: number;
  hasByteFallback: boolean;
  hasDummyPrefix: boolean;
}

// Numbers of sentencepiece_model.proto.
const UNIGRAM = 1;
const PIECE = { normal: 1, unknown: 2, control: 3, userDefined: 4 } as const;

/**
 * A `tokenizer.json` that gives the ids of a SentencePiece unigram model, by the convention of the published T5 files:
 * the model's character map, split at whitespace, U+2581 before each word, `</s>` at the end, sentinels `<extra_id_…>` after
 * the pieces in falling order, special tokens recognised inside texts.
 *
 * @throws WeightError if it is no unigram model, or one of a kind that T5 doesn't use (byte fallback, unused pieces)
 */
export function sentencePieceToTokenizerJson(bytes: Uint8Array, numExtraIds = 100): TokenizerJson {
  const model = parse(bytes);
  if (model.pieces.length === 0) throw invalid('pieces', 'none');
  if (model.modelType !== UNIGRAM) throw invalid('model_type 1 (unigram)', String(model.modelType));
  if (model.hasByteFallback) throw invalid('a model without byte fallback', 'one with it');
  const odd = model.pieces.find(({ type }) => !(Object.values(PIECE) as number[]).includes(type));
  if (odd) throw invalid('normal, unknown, control and user-defined pieces', `type ${odd.type} (${odd.piece})`);

  const unkTokenId = model.pieces.findIndex(({ type }) => type === PIECE.unknown);
  const eosTokenId = model.pieces.findIndex(({ piece }) => piece === '</s>');
  if (unkTokenId < 0 || eosTokenId < 0) throw invalid('an unknown piece and </s>', 'neither or one of them');
  const extra = Array.from({ length: numExtraIds }, (_, index) => `<extra_id_${numExtraIds - 1 - index}>`);
  const vocab = [
    ...model.pieces.map(({ piece, score }) => [piece, score] as const),
    ...extra.map((piece) => [piece, 0] as const),
  ];
  const specials = vocab.flatMap(([content], id) =>
    id >= model.pieces.length || model.pieces[id]!.type !== PIECE.normal ? [{ id, content }] : [],
  );
  return t5TokenizerJson({
    vocab,
    specials,
    unkTokenId,
    eosTokenId,
    normalizer:
      model.charsmap.length > 0 ? { type: 'Precompiled', precompiled_charsmap: toBase64(model.charsmap) } : null,
    preTokenizers: [
      { type: 'WhitespaceSplit' },
      {
        type: 'Metaspace',
        replacement: WORD_START,
        prepend_scheme: model.hasDummyPrefix ? 'always' : 'never',
        split: true,
      },
    ],
  });
}

function parse(bytes: Uint8Array): SentencePieceModel {
  const model: SentencePieceModel = {
    pieces: [],
    charsmap: new Uint8Array(),
    modelType: UNIGRAM,
    hasByteFallback: false,
    hasDummyPrefix: true,
  };
  for (const { number, value } of protoFields(bytes)) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 1) model.pieces.push(parsePiece(value));
    else if (number === 2) {
      for (const field of protoFields(value)) {
        if (field.number === 3) model.modelType = Number(field.value);
        if (field.number === 35) model.hasByteFallback = field.value === 1;
      }
    } else if (number === 3) {
      for (const field of protoFields(value)) {
        if (field.number === 2 && field.value instanceof Uint8Array) model.charsmap = field.value;
        if (field.number === 3) model.hasDummyPrefix = field.value !== 0;
      }
    }
  }
  return model;
}

const decoder = new TextDecoder();

function parsePiece(bytes: Uint8Array): SentencePieceModel['pieces'][number] {
  let piece = '';
  let score = 0;
  let type: number = PIECE.normal;
  for (const { number, value } of protoFields(bytes)) {
    if (number === 1 && value instanceof Uint8Array) piece = decoder.decode(value);
    else if (number === 2 && typeof value === 'number') score = value;
    else if (number === 3 && typeof value === 'number') type = value;
  }
  return { piece, score, type };
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function invalid(expected: string, got: string): WeightError {
  return new WeightError({ package: 't5-encoder', in: 'fromSentencePiece' }, `expected ${expected}, got ${got}`);
}
