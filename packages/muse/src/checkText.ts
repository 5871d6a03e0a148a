import { ConfigError, type ErrorPlace } from '@muse/backend';

/** Characters that an error lists at most. */
const MAX_SHOWN = 8;

/** What is asked of a tokenizer; CLIP's knows every character and has no `unkTokenId`. */
export interface CheckedTokenizer {
  readonly unkTokenId?: number;
  encode(text: string): Int32Array;
}

/**
 * Refuses text that the encoder would cut off or not see: more tokens than it takes, characters outside of its
 * vocabulary.
 *
 * @throws ConfigError that says what to leave out
 */
export function checkText(
  place: ErrorPlace,
  name: string,
  text: string,
  { tokenizer, maxLength }: { readonly tokenizer: CheckedTokenizer; readonly maxLength: number },
): void {
  const ids = tokenizer.encode(text);
  if (ids.length > maxLength) {
    const got = `${ids.length} (${text.length} characters)`;
    throw new ConfigError(place, `expected a ${name} of at most ${maxLength} tokens, got ${got}: make it shorter`);
  }
  const { unkTokenId } = tokenizer;
  if (unkTokenId === undefined || !ids.includes(unkTokenId)) return;
  const strange = [...new Set(text)].filter((character) => tokenizer.encode(character).includes(unkTokenId));
  const shown = strange.slice(0, MAX_SHOWN).map((character) => {
    const codePoint = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) ? `${character} (U+${codePoint})` : `U+${codePoint}`;
  });
  const more = strange.length > MAX_SHOWN ? ` and ${strange.length - MAX_SHOWN} more` : '';
  throw new ConfigError(
    place,
    `expected a ${name} of characters in the model's vocabulary, got ${shown.join(', ')}${more}: leave them out`,
  );
}
