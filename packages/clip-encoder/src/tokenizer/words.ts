import { fixText } from './fixText.js';

/** Tokens that stand for themselves wherever they appear. */
export const START_OF_TEXT = '<|startoftext|>';
export const END_OF_TEXT = '<|endoftext|>';

const specials = /(<\|startoftext\|>|<\|endoftext\|>)/;

/** Contractions, runs of letters, single digits, runs of anything else. */
const word = /<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/**
 * Words of a text as transformers' CLIPTokenizer with ftfy makes them, which reads vocab.json and merges.txt: oddities of
 * typesetting are undone, then all is lower-cased.
 */
export function wordsOfText(text: string): string[] {
  return text.split(specials).flatMap((part) => {
    if (part === START_OF_TEXT || part === END_OF_TEXT) return [part];
    return fixText(part).replace(/\s+/g, ' ').toLowerCase().match(word) ?? [];
  });
}

/**
 * Words of a text as tokenizer.json asks for (CLIPTokenizerFast): composed (NFC), lower-cased character by character;
 * nothing is dropped.
 */
export function wordsOfTextFast(text: string): string[] {
  const lower = Array.from(text.normalize('NFC'), (character) => character.toLowerCase()).join('');
  return lower.split(specials).flatMap((part) => {
    if (part === START_OF_TEXT || part === END_OF_TEXT) return [part];
    return part.match(word) ?? [];
  });
}
