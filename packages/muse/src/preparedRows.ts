import { joinRows } from './tensorTree.js';

/** Where the rows of a conditioning come from, each with one row of everything. */
export interface RowSources<Prepared> {
  prompt(): Prepared;
  unconditional(): Prepared;
  /** The unconditional row serves other prompts too, and is not to be freed. */
  readonly isUnconditionalShared?: boolean;
}

/**
 * A conditioning as a transformer wants it: cross-attention keys and values, made once and used in every step. Guided
 * steps need the prompt's row and the unconditional one, for each image of a batch; others the prompt's alone. Each is made
 * when it is first asked for.
 */
export class PreparedRows<Prepared extends { dispose(): void }> {
  readonly #sources: RowSources<Prepared>;
  readonly #joined = new Map<string, Prepared>();
  #prompt?: Prepared;
  #unconditional?: Prepared;

  constructor(sources: RowSources<Prepared>) {
    this.#sources = sources;
  }

  /** The prompt's row for each of the images, then the unconditional one for each. */
  prepared(needsUnconditional: boolean, numImages = 1): Prepared {
    this.#prompt ??= this.#sources.prompt();
    if (!needsUnconditional && numImages === 1) return this.#prompt;
    const key = `${needsUnconditional} ${numImages}`;
    let joined = this.#joined.get(key);
    if (!joined) {
      if (needsUnconditional) this.#unconditional ??= this.#sources.unconditional();
      const kinds = needsUnconditional ? [this.#prompt, this.#unconditional!] : [this.#prompt];
      joined = joinRows(kinds.flatMap((row) => Array<Prepared>(numImages).fill(row)));
      this.#joined.set(key, joined);
    }
    return joined;
  }

  dispose(): void {
    for (const joined of this.#joined.values()) joined.dispose();
    this.#prompt?.dispose();
    if (!this.#sources.isUnconditionalShared) this.#unconditional?.dispose();
  }
}
