import type { Tensor } from '@tensorflow/tfjs';
import { PlanCache } from './planCache.js';
import type { Runtime } from './runtime.js';

/** @param isOwned whether the part may dispose its input before it ends; it is disposed then in any case */
type Part = (input: Tensor, isOwned?: boolean) => Tensor;

/**
 * A function of one image, in parts that follow each other. On webgpu the first shape that comes a second time is captured as a plan, as
 * pictures mostly are of one size. All else is computed op by op: ops of pictures are large, so that a graph of them is no faster on tensorflow, and holds
 * more at once. The device is waited for between parts and gives back what they have used: a host that runs ahead would
 * have it hold what all of them use.
 */
export class RepeatedCall {
  readonly #runtime: Runtime;
  readonly #where: string;
  readonly #parts: readonly Part[];
  readonly #plans: PlanCache;
  readonly #seen = new Set<string>();
  #repeated?: string;

  /** @param where names the call in the error of a pipeline that is disposed meanwhile */
  constructor(runtime: Runtime, where: string, parts: readonly Part[]) {
    this.#runtime = runtime;
    this.#where = where;
    this.#parts = parts;
    this.#plans = new PlanCache(runtime.backend);
  }

  /** @param input stays the caller's @returns the caller's */
  async run(input: Tensor): Promise<Tensor> {
    const shape = input.shape.join();
    const isCaptured = this.#runtime.backend.name === 'webgpu';
    if (isCaptured && this.#seen.has(shape)) this.#repeated ??= shape;
    this.#seen.add(shape);
    if (this.#repeated !== shape) return this.#runWaiting(input);
    const parts = this.#parts.map((part, at) => (given: Tensor) => part(given, at > 0));
    const plan = await this.#plans.get(shape, parts, () => [input]);
    const [output] = await plan.run([input]);
    return output!;
  }

  /** Frees the plan; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#plans.dispose();
  }

  async #runWaiting(input: Tensor): Promise<Tensor> {
    let x = input;
    try {
      for (const [at, part] of this.#parts.entries()) {
        if (at > 0) await this.#runtime.backend.freeMemory();
        this.#runtime.checkAlive(this.#where);
        const before = x;
        x = this.#runtime.backend.tf.tidy(() => part(before, before !== input));
        if (before !== input) before.dispose();
      }
      return x;
    } catch (error) {
      if (x !== input) x.dispose();
      throw error;
    }
  }
}
