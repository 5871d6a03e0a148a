import type { Backend, CaptureOptions, Plan, TensorFunction } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';

/** Plans by key, each captured when it is first asked for. */
export class PlanCache {
  readonly #backend: Backend;
  readonly #plans = new Map<string, Promise<Plan>>();
  readonly #captured = new Set<Plan>();
  #isDisposed = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** @param examples makes the inputs to capture for, if the plan is not there yet */
  async get(
    key: string,
    fn: TensorFunction | readonly TensorFunction[],
    examples: () => readonly Tensor[],
    options?: CaptureOptions,
  ): Promise<Plan> {
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = this.#backend.capture(fn, examples(), options);
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key)); // the next one tries again
    }
    const captured = await plan;
    if (this.#isDisposed) captured.dispose();
    else this.#captured.add(captured);
    return captured;
  }

  /** Frees the plans; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#isDisposed = true;
    for (const plan of this.#captured) plan.dispose();
    this.#captured.clear();
    this.#plans.clear();
  }
}
