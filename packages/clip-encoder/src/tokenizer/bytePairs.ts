/** Marks the end of a word. */
const END_OF_WORD = '</w>';

/** Words whose pieces are remembered; all are forgotten when there are more. */
const MAX_REMEMBERED = 20_000;

/** Each byte as a visible character: the printable ones as themselves, the others from U+0100 on (GPT-2's table). */
const byteCharacters: readonly string[] = (() => {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

/**
 * Byte-level byte-pair encoding of single words (Sennrich et al. 2016, arXiv 1508.07909): the pair of pieces that comes
 * first in the list of merges is joined, over and over.
 */
export class BytePairs {
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #remembered = new Map<string, readonly string[]>();
  readonly #encoder = new TextEncoder();

  /** @param merges pairs, the first to be merged first */
  constructor(merges: readonly (readonly [string, string])[]) {
    this.#ranks = new Map(merges.map(([first, second], rank) => [`${first} ${second}`, rank]));
  }

  /** @param word not empty @returns its pieces, the last of which ends in `</w>` */
  pieces(word: string): readonly string[] {
    const known = this.#remembered.get(word);
    if (known) return known;
    const pieces = this.#merge(Array.from(this.#encoder.encode(word), (byte) => byteCharacters[byte]!));
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(word, pieces);
    return pieces;
  }

  #merge(characters: string[]): string[] {
    let pieces = characters;
    pieces[pieces.length - 1] += END_OF_WORD;
    for (;;) {
      let best: string | undefined;
      let bestRank = Number.POSITIVE_INFINITY;
      for (let i = 0; i + 1 < pieces.length; i++) {
        const pair = `${pieces[i]} ${pieces[i + 1]}`;
        const rank = this.#ranks.get(pair) ?? Number.POSITIVE_INFINITY;
        if (rank < bestRank) [best, bestRank] = [pair, rank];
      }
      if (best === undefined) return pieces;
      const joined: string[] = [];
      for (let i = 0; i < pieces.length; i++) {
        const isPair = i + 1 < pieces.length && `${pieces[i]} ${pieces[i + 1]}` === best;
        joined.push(isPair ? pieces[i]! + pieces[i + 1]! : pieces[i]!);
        if (isPair) i++;
      }
      pieces = joined;
    }
  }
}
