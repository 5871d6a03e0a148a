import { WeightError } from '@muse/backend';
import { isObject } from '@muse/checkpoint';

const place = { package: 't5-encoder', in: 'fromTokenizerJson' };

/** A log probability is between −100 and 0 in practice; from here on sums of them would overflow. */
const MAX_SCORE = 1e9;
const MAX_ID = 2 ** 24;
/** Far more than any published file has: patterns are run on every text. */
const MAX_PATTERN_LENGTH = 1000;
const MAX_DEPTH = 8;

type Json = Record<string, unknown>;
type Check = (field: string, value: unknown) => void;
type Fields = Readonly<Record<string, Check>>;

/**
 * The parts of a `tokenizer.json` that turn texts into ids, each checked, and none else: truncation and padding are the
 * caller's, `</s>` is added by `T5Tokenizer`, and nothing is decoded.
 *
 * @throws WeightError naming the field, what it must be and what it is
 */
export function readTokenizerJson(json: unknown): Json {
  const file = isObject(json) ? json : {};
  const model = isObject(file.model) ? file.model : {};
  if (model.type !== 'Unigram') {
    throw new WeightError(place, `expected a tokenizer.json of model type Unigram, got ${String(model.type)}`);
  }
  checkVocab(model);
  if (model.byte_fallback) throw invalid('model.byte_fallback', 'false', model.byte_fallback);
  const addedTokens = file.added_tokens ?? [];
  if (!Array.isArray(addedTokens)) throw invalid('added_tokens', 'a list', addedTokens);
  addedTokens.forEach((token, index) => {
    const field = `added_tokens[${index}]`;
    if (!isObject(token)) throw invalid(field, 'an object', token);
    whole(MAX_ID)(`${field}.id`, token.id);
    text(`${field}.content`, token.content);
    for (const flag of ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'])
      flagOrNone(`${field}.${flag}`, token[flag]);
  });
  checkPart('normalizer', file.normalizer, normalizers, 'normalizers');
  checkPart('pre_tokenizer', file.pre_tokenizer, preTokenizers, 'pretokenizers');
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: file.normalizer ?? null,
    pre_tokenizer: file.pre_tokenizer ?? null,
    post_processor: null,
    decoder: null,
    model: { type: 'Unigram', unk_id: model.unk_id, vocab: model.vocab, byte_fallback: false },
  };
}

function checkVocab({ vocab, unk_id: unkTokenId }: Json): void {
  if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > MAX_ID) {
    throw invalid('model.vocab', `a list of 1 to ${MAX_ID} pieces`, vocab);
  }
  vocab.forEach((entry: unknown, id) => {
    const [piece, score] = Array.isArray(entry) ? entry : [];
    const isScore = typeof score === 'number' && Math.abs(score) <= MAX_SCORE;
    if (typeof piece !== 'string' || piece === '' || !isScore || (entry as unknown[]).length !== 2) {
      throw invalid(`model.vocab[${id}]`, '[piece, log probability]', entry);
    }
  });
  whole(vocab.length)('model.unk_id', unkTokenId);
}

const text: Check = (field, value) => {
  if (typeof value !== 'string' || value === '') throw invalid(field, 'a text', value);
};
const anyText: Check = (field, value) => {
  if (typeof value !== 'string') throw invalid(field, 'a text', value);
};
const flagOrNone: Check = (field, value) => {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(field, 'true or false', value);
};
const whole =
  (limit: number): Check =>
  (field, value) => {
    const isWhole = Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit;
    if (!isWhole) throw invalid(field, `a whole number in [0, ${limit})`, value);
  };
const oneOf =
  (...choices: readonly unknown[]): Check =>
  (field, value) => {
    if (!choices.includes(value)) throw invalid(field, `one of ${choices.join(', ')}`, value);
  };

const pattern: Check = (field, value) => {
  const { String: literal, Regex: expression } = isObject(value) ? value : {};
  const source = literal ?? expression;
  if (typeof source !== 'string' || source === '' || source.length > MAX_PATTERN_LENGTH) {
    throw invalid(field, `{ "String" or "Regex": 1 to ${MAX_PATTERN_LENGTH} characters }`, value);
  }
};

const normalizers: Readonly<Record<string, Fields>> = {
  Precompiled: {
    precompiled_charsmap: (field, value) => {
      if (value !== null && value !== undefined) anyText(field, value);
    },
  },
  Replace: { pattern, content: anyText },
  Strip: { strip_left: flagOrNone, strip_right: flagOrNone },
  ...{ NFC: {}, NFD: {}, NFKC: {}, NFKD: {}, Lowercase: {}, StripAccents: {} },
};

const preTokenizers: Readonly<Record<string, Fields>> = {
  WhitespaceSplit: {},
  Metaspace: {
    replacement: text,
    prepend_scheme: oneOf('always', 'first', 'never', undefined),
    add_prefix_space: flagOrNone,
    split: flagOrNone,
  },
  Split: {
    pattern,
    behavior: oneOf('Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'),
    invert: flagOrNone,
  },
};

/** A normaliser or pre-tokenizer of a known type, or a `Sequence` of them. */
function checkPart(
  field: string,
  part: unknown,
  known: Readonly<Record<string, Fields>>,
  inner: string,
  depth = 0,
): void {
  if (part === null || part === undefined) return;
  const type = isObject(part) ? part.type : undefined;
  if (isObject(part) && type === 'Sequence' && depth < MAX_DEPTH) {
    const parts = part[inner];
    if (!Array.isArray(parts)) throw invalid(`${field}.${inner}`, 'a list', parts);
    parts.forEach((entry, index) => {
      if (!isObject(entry)) throw invalid(`${field}.${inner}[${index}]`, 'an object', entry);
      checkPart(`${field}.${inner}[${index}]`, entry, known, inner, depth + 1);
    });
    return;
  }
  if (!isObject(part) || typeof type !== 'string' || !Object.hasOwn(known, type)) {
    throw invalid(`${field}.type`, `one of Sequence, ${Object.keys(known).join(', ')}`, isObject(part) ? type : part);
  }
  for (const [name, check] of Object.entries(known[type]!)) check(`${field}.${name}`, part[name]);
}

/** Most characters of a value in a message. */
const SHOWN_LENGTH = 80;

function invalid(field: string, expected: string, got: unknown): WeightError {
  const shown = JSON.stringify(got) ?? String(got);
  const short = shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}…` : shown;
  return new WeightError(place, `expected ${field} of tokenizer.json to be ${expected}, got ${short}`);
}
