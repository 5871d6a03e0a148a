import type { StageName, Times } from '../state/result.ts';

/** Times of an image by stage, from when its steps end. */
export class Stopwatch {
  #start = performance.now();
  #last = this.#start;
  #spent: Record<StageName, number> = { base: 0, 'super-res': 0 };

  /** A step of a stage ended; all since the last one was its. */
  step(stage: StageName): void {
    const now = performance.now();
    this.#spent[stage] += now - this.#last;
    this.#last = now;
  }

  /** An image is done; the next one starts. */
  lap(): Times {
    const now = performance.now();
    const times = { total: now - this.#start, base: this.#spent.base, superRes: this.#spent['super-res'] };
    this.#start = now;
    this.#last = now;
    this.#spent = { base: 0, 'super-res': 0 };
    return times;
  }
}
