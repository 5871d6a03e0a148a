import { ConfigError } from '@muse/backend';
import { type TokenizerJson, t5TokenizerJson, WORD_START } from './tokenizerJson.js';

const SPECIALS = ['<pad>', '</s>', '<unk>'] as const;
/** Log probabilities: a word costs less than any way of spelling it. */
const WORD_SCORE = -1;
const CHARACTER_SCORE = -10;
/** Marks that stay inside a word: "t-rex", "don't". */
const INNER_MARKS = "-'";

/** Typographic marks and what people type for them. */
const REPLACEMENTS: readonly (readonly [pattern: string, content: string])[] = [
  ['[‘’]', "'"],
  ['[“”]', '"'],
  ['[‐-―−]', '-'],
];

/**
 * A `tokenizer.json` with a piece for each given word, for an encoder trained from scratch on captions of few words.
 *
 * Text is lower-cased, its accents are dropped and its punctuation is split off (but hyphens and apostrophes, and marks that
 * a given word contains). A known word is one token. Other words are spelled: the longest known word that they begin with
 * ("cats" → ▁cat s), then single characters. Printable ASCII is never `<unk>`; a run of other characters is one `<unk>`.
 * Ids: `<pad>` 0, `</s>` 1, `<unk>` 2, the words in their order, then ▁ and the characters: the
 * same words in the same order give the same ids.
 *
 * @param words without spaces; repeats (after lower-casing) are taken once
 * @throws ConfigError for a word that is empty or holds a space or a character that is not printable ASCII
 */
export function wordVocabularyTokenizer(words: readonly string[]): TokenizerJson {
  const known = [...new Set(words.map(normalizedWord))];
  const characters = printableCharacters();
  const pieces = new Map<string, number>(SPECIALS.map((piece) => [piece, 0]));
  const add = (piece: string, score: number) => pieces.has(piece) || pieces.set(piece, score);
  for (const word of known) add(WORD_START + word, WORD_SCORE);
  // Alone, the mark stands before what is unknown, so that two unknown words in a row stay two.
  add(WORD_START, CHARACTER_SCORE);
  for (const character of characters) add(WORD_START + character, CHARACTER_SCORE);
  for (const character of characters) add(character, CHARACTER_SCORE);

  const isSplit = (mark: string) => !/[a-z0-9]/.test(mark) && !INNER_MARKS.includes(mark);
  const splitMarks = characters.filter((mark) => isSplit(mark) && !known.some((word) => word.includes(mark)));
  return t5TokenizerJson({
    vocab: [...pieces],
    specials: SPECIALS.map((content, id) => ({ id, content })),
    eosTokenId: 1,
    unkTokenId: 2,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFKD' },
        { type: 'StripAccents' },
        { type: 'Lowercase' },
        ...REPLACEMENTS.map(([Regex, content]) => ({ type: 'Replace', pattern: { Regex }, content })),
      ],
    },
    preTokenizers: [
      { type: 'WhitespaceSplit' },
      {
        type: 'Split',
        pattern: { Regex: `[${splitMarks.map((mark) => `\\${mark}`).join('')}]` },
        behavior: 'Isolated',
        invert: false,
      },
      { type: 'Metaspace', replacement: WORD_START, prepend_scheme: 'always', split: true },
    ],
  });
}

/** Printable ASCII without upper-case letters, which lower-casing leaves none of. */
function printableCharacters(): string[] {
  const all = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
  return all.filter((character) => !/[A-Z]/.test(character));
}

function normalizedWord(word: string): string {
  const normalized = word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  if (!/^[\x21-\x7e]+$/.test(normalized)) {
    throw new ConfigError(
      { package: 't5-encoder', in: 'wordVocabularyTokenizer' },
      `expected words of printable ASCII without spaces, got ${JSON.stringify(word)}`,
    );
  }
  return normalized;
}
