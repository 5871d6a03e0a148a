/** Latin letters written together, and what they stand for. */
const ligatures: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
};
const ligature = new RegExp(`[${Object.keys(ligatures).join('')}]`, 'gu');

/** The entities that prompts hold; ftfy knows all of HTML's. */
const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&nbsp;': '\u00a0',
};
const entity = /&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});/g;

/** U+0080 to U+009F, which mean what Windows has there; by a table, as not every TextDecoder follows the standard. */
const c1Control = /[\u0080-\u009f]/g;
const windows = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

// biome-ignore lint/suspicious/noControlCharactersInRegex: to be taken out
const terminalEscape = /\u001b\[[\d;]*[a-zA-Z]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: to be taken out
const control = /[\u0000-\u0008\u000b\u000e-\u001f\u007f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/**
 * What ftfy's fix_text does to a text, which transformers' CLIPTokenizer calls when it is installed: entities, ligatures,
 * full and half width, curly quotes, line breaks, escapes and control characters, NFC; until nothing changes. Text that
 * was decoded with a wrong encoding is left as it is; ftfy would guess the right one.
 *
 * @see R. Speer, ftfy 6.3.1
 */
export function fixText(text: string): string {
  for (let before = text; ; ) {
    const after = fixOnce(before);
    if (after === before) return after;
    before = after;
  }
}

function fixOnce(text: string): string {
  // With a < it may be HTML on purpose.
  const plain = text.includes('<') ? text : text.replace(entity, unescapeEntity);
  return plain
    .replace(c1Control, (character) => windows[character.charCodeAt(0) - 0x80]!)
    .replace(ligature, (character) => ligatures[character]!)
    .replace(/[\uff01-\uffee]/g, (character) => character.normalize('NFKC'))
    .replace(/\u3000/g, ' ')
    .replace(/[\u201c-\u201f]/g, '"')
    .replace(/[\u02bc\u2018-\u201b]/g, "'")
    .replace(/\r\n|[\r\u2028\u2029\u0085]/g, '\n')
    .replace(terminalEscape, '')
    .replace(control, '')
    .normalize('NFC');
}

function unescapeEntity(found: string): string {
  const named = entities[found];
  if (named !== undefined) return named;
  const isHex = /^&#x/i.test(found);
  const codePoint = Number.parseInt(found.slice(isHex ? 3 : 2, -1), isHex ? 16 : 10);
  const isCharacter = codePoint > 0 && codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
  return isCharacter ? String.fromCodePoint(codePoint) : found;
}
