/**
 * A conditioning as a transformer wants it: cross-attention keys and values, made once and used in every step. Guided
 * steps need a pair of rows, the prompt's and the unconditional one; others the prompt's alone. Either is made when it
 * is first asked for.
 */
export class PreparedRows<Prepared extends { dispose(): void }> {
  readonly #prepare: (numRows: 1 | 2) => Prepared;
  #pair?: Prepared;
  #single?: Prepared;

  constructor(prepare: (numRows: 1 | 2) => Prepared) {
    this.#prepare = prepare;
  }

  prepared(needsUnconditional: boolean): Prepared {
    if (needsUnconditional) {
      this.#pair ??= this.#prepare(2);
      return this.#pair;
    }
    this.#single ??= this.#prepare(1);
    return this.#single;
  }

  dispose(): void {
    this.#pair?.dispose();
    this.#single?.dispose();
  }
}
