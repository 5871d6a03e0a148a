import { Charsmap } from './charsmap.js';

/** A normaliser of @huggingface/tokenizers (whose published types don't resolve under Node's rules). */
export interface HuggingFaceNormalizer {
  readonly config: { readonly type: string; readonly precompiled_charsmap?: string | null };
  /** Of type `Sequence`. */
  readonly normalizers?: readonly (HuggingFaceNormalizer | null)[];
  normalize(text: string): string;
}

/**
 * Makes every precompiled charsmap in a normaliser be read as it stands.
 *
 * @huggingface/tokenizers 0.2.0 approximates it by NFKC and a list of characters, which differs from the map that T5 files
 * hold at U+0344 (kept there, not composed) and U+200D (kept there, not a space).
 */
export function readCharsmaps(normalizer: HuggingFaceNormalizer | null): void {
  if (!normalizer) return;
  for (const inner of normalizer.normalizers ?? []) readCharsmaps(inner);
  if (normalizer.config.type !== 'Precompiled') return;
  const charsmap = normalizer.config.precompiled_charsmap;
  if (charsmap) {
    const map = new Charsmap(fromBase64(charsmap));
    normalizer.normalize = (text) => map.normalize(text);
  } else {
    // Models without normalisation rules have an empty map.
    normalizer.normalize = (text) => text;
  }
}

interface PreTokenizerJson {
  readonly type?: string;
  /** Of type `Sequence`. */
  readonly pretokenizers?: readonly PreTokenizerJson[];
}

/** The library splits words at JavaScript's white space, which is Unicode's without U+0085; a pattern of it means Unicode's. */
const unicodeWhitespaceSplit = { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false };

/** The same pre-tokenizer with `WhitespaceSplit` at Unicode's white space, as Python's library splits. */
export function splitAtUnicodeWhitespace(json: PreTokenizerJson | null): PreTokenizerJson | null {
  if (json?.type === 'WhitespaceSplit') return unicodeWhitespaceSplit;
  if (!json?.pretokenizers) return json;
  return { ...json, pretokenizers: json.pretokenizers.map((inner) => splitAtUnicodeWhitespace(inner) ?? inner) };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
