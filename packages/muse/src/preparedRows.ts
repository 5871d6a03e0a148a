import { firstRow, joinRows } from './tensorTree.js';

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
 * when it is first asked for. The prompt's row is not kept beside a batch that begins with it: of aMUSEd it is 20 MB.
 */
export class PreparedRows<Prepared extends { dispose(): void }> {
  readonly #sources: RowSources<Prepared>;
  readonly #joined = new Map<string, Prepared>();
  #prompt: Prepared | undefined;
  #unconditional?: Prepared;

  constructor(sources: RowSources<Prepared>) {
    this.#sources = sources;
  }

  /** The prompt's row for each of the images, then the unconditional one for each; those of a kind are one and the same. */
  apart(needsUnconditional: boolean, numImages = 1): Prepared[] {
    const kinds = [this.#promptRow()];
    if (needsUnconditional) {
      this.#unconditional ??= this.#sources.unconditional();
      kinds.push(this.#unconditional);
    }
    return kinds.flatMap((row) => Array<Prepared>(numImages).fill(row));
  }

  /** The same rows as one batch. */
  joined(needsUnconditional: boolean, numImages = 1): Prepared {
    if (!needsUnconditional && numImages === 1) return this.#promptRow();
    const key = `${needsUnconditional} ${numImages}`;
    let joined = this.#joined.get(key);
    if (!joined) {
      joined = joinRows(this.apart(needsUnconditional, numImages));
      this.#joined.set(key, joined);
      this.#prompt?.dispose();
      this.#prompt = undefined;
    }
    return joined;
  }

  #promptRow(): Prepared {
    const [joined] = this.#joined.values();
    this.#prompt ??= joined ? firstRow(joined) : this.#sources.prompt();
    return this.#prompt;
  }

  dispose(): void {
    for (const joined of this.#joined.values()) joined.dispose();
    this.#prompt?.dispose();
    if (!this.#sources.isUnconditionalShared) this.#unconditional?.dispose();
  }
}
