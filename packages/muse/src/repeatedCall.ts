import type { Backend } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';
import { PlanCache } from './planCache.js';

/**
 * A function of one tensor. The first shape that comes a second time is captured as a plan, as pictures mostly are of one size;
 * others are computed op by op.
 */
export class RepeatedCall {
  readonly #backend: Backend;
  readonly #fn: (input: Tensor) => Tensor;
  readonly #plans: PlanCache;
  readonly #seen = new Set<string>();
  #repeated?: string;

  constructor(backend: Backend, fn: (input: Tensor) => Tensor) {
    this.#backend = backend;
    this.#fn = fn;
    this.#plans = new PlanCache(backend);
  }

  /** @param input stays the caller's @returns the caller's */
  async run(input: Tensor): Promise<Tensor> {
    const shape = input.shape.join();
    if (this.#seen.has(shape)) this.#repeated ??= shape;
    this.#seen.add(shape);
    if (this.#repeated !== shape) return this.#backend.tf.tidy(() => this.#fn(input));
    const plan = await this.#plans.get(shape, this.#fn, () => [input]);
    const [output] = await plan.run([input]);
    return output!;
  }

  /** Frees the plan; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#plans.dispose();
  }
}
