import type { Backend, Plan } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';

/**
 * A function of one tensor. The first shape that comes a second time is captured as a plan, as pictures mostly are of one size;
 * others are computed op by op.
 */
export class RepeatedCall {
  readonly #backend: Backend;
  readonly #fn: (input: Tensor) => Tensor;
  readonly #seen = new Set<string>();
  #planned?: { readonly shape: string; readonly plan: Promise<Plan> };
  #isDisposed = false;

  constructor(backend: Backend, fn: (input: Tensor) => Tensor) {
    this.#backend = backend;
    this.#fn = fn;
  }

  /** @param input stays the caller's @returns the caller's */
  async run(input: Tensor): Promise<Tensor> {
    const shape = input.shape.join();
    if (!this.#planned && this.#seen.has(shape) && !this.#isDisposed) {
      const plan = this.#backend.capture(this.#fn, [input]);
      this.#planned = { shape, plan };
      plan.catch(() => {
        this.#planned = undefined; // the next one tries again
      });
    }
    this.#seen.add(shape);
    if (this.#planned?.shape !== shape) return this.#backend.tf.tidy(() => this.#fn(input));
    const [output] = await (await this.#planned.plan).run([input]);
    return output!;
  }

  /** Frees the plan; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#isDisposed = true;
    void this.#planned?.plan.then(
      (plan) => plan.dispose(),
      () => {},
    );
    this.#planned = undefined;
  }
}
