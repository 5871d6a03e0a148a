/** Asks for each path once, however often it is asked for; what failed may be asked again. */
export class OncePerPath<T> {
  readonly #ask: (path: string) => Promise<T>;
  readonly #answers = new Map<string, Promise<T>>();

  constructor(ask: (path: string) => Promise<T>) {
    this.#ask = ask;
  }

  get(path: string): Promise<T> {
    const known = this.#answers.get(path);
    if (known) return known;
    const answer = this.#ask(path);
    this.#answers.set(path, answer);
    answer.catch(() => this.#answers.delete(path));
    return answer;
  }

  /** The next one asks again; the answer is not kept alive. */
  forget(path: string): void {
    this.#answers.delete(path);
  }
}
