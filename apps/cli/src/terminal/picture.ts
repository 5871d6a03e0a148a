import type { Io } from './io.js';

export type PictureProtocol = 'kitty' | 'iterm2';

/** Bytes of base64 that kitty's protocol takes in one escape. */
const KITTY_CHUNK = 4096;
/** Width on the screen, in cells: 64 pixels alone would be a stamp. */
const WIDTH_CELLS = 24;

/**
 * How the terminal shows pictures, from what it says of itself; undefined where it can't, or where something between
 * (tmux, screen) would swallow the escapes.
 */
export function pictureProtocol({
  isOutTerminal,
  env,
}: Pick<Io, 'isOutTerminal' | 'env'>): PictureProtocol | undefined {
  const { TERM = '', TERM_PROGRAM = '', LC_TERMINAL, KITTY_WINDOW_ID, TMUX, STY } = env;
  if (!isOutTerminal || TMUX || STY || TERM.startsWith('screen') || TERM.startsWith('tmux')) return undefined;
  if (KITTY_WINDOW_ID || TERM.includes('kitty') || TERM.includes('ghostty') || TERM_PROGRAM === 'ghostty')
    return 'kitty';
  const isIterm = ['iTerm.app', 'WezTerm', 'mintty', 'vscode'].includes(TERM_PROGRAM) || LC_TERMINAL === 'iTerm2';
  return isIterm ? 'iterm2' : undefined;
}

/**
 * A PNG file as the escape sequences that show it, with a line break after it.
 * kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol; iTerm2: https://iterm2.com/documentation-images.html
 */
export function pictureEscape(png: Uint8Array, protocol: PictureProtocol): string {
  const data = Buffer.from(png).toString('base64');
  if (protocol === 'iterm2') {
    return `\x1b]1337;File=inline=1;size=${png.length};width=${WIDTH_CELLS};preserveAspectRatio=1:${data}\x07\n`;
  }
  let out = '';
  for (let at = 0; at < data.length; at += KITTY_CHUNK) {
    const isFirst = at === 0;
    const isLast = at + KITTY_CHUNK >= data.length;
    // q=2: no answers, which would end up in the shell's input.
    const control = `${isFirst ? `a=T,f=100,q=2,c=${WIDTH_CELLS},` : ''}m=${isLast ? 0 : 1}`;
    out += `\x1b_G${control};${data.slice(at, at + KITTY_CHUNK)}\x1b\\`;
  }
  return `${out}\n`;
}
