/** Longest part of a name in bytes of UTF-8; with seed, suffix and extension names stay far below the 255 of file systems. */
const MAX_BYTES = 100;

/**
 * A text as a part of a file name: `a smiling cat, 3D style` → `a-smiling-cat-3d-style`. Letters and digits of any
 * script stay, accents go, all else becomes a hyphen; `image` if nothing is left.
 */
export function slug(text: string): string {
  const words = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return clip((words ?? []).join('-')).replace(/-+$/, '') || 'image';
}

/** The start of a text that is at most `MAX_BYTES` long. */
export function clip(text: string): string {
  let out = '';
  for (const character of text) {
    if (Buffer.byteLength(out + character) > MAX_BYTES) break;
    out += character;
  }
  return out;
}
