/** Something on a device that is made when it is first asked for. */
export class Lazy<T> {
  readonly #make: () => T;
  readonly #free: (value: T) => void;
  #value?: T;

  constructor(make: () => T, free: (value: T) => void) {
    this.#make = make;
    this.#free = free;
  }

  get(): T {
    this.#value ??= this.#make();
    return this.#value;
  }

  /** Frees it if it is there. */
  dispose(): void {
    if (this.#value !== undefined) this.#free(this.#value);
    this.#value = undefined;
  }
}
