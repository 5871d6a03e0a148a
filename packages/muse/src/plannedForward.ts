import type { Backend, Plan } from '@muse/backend';
import { Tensor, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs';

/** The part of a transformer that is asked in every step. */
export interface ForwardPass<Prepared> {
  forward(tokenIds: Tensor2D, prepared: Prepared): Tensor3D;
}

/**
 * A transformer's forward pass, captured as a plan for each number of rows when that is first asked for: what depends on
 * the prompt is among the plan's inputs, so the same plan serves every prompt.
 */
export class PlannedForward<Prepared extends object> {
  readonly #backend: Backend;
  readonly #transformer: ForwardPass<Prepared>;
  readonly #plans = new Map<number, Promise<Plan>>();
  readonly #captured = new Set<Plan>();
  #isDisposed = false;

  constructor(backend: Backend, transformer: ForwardPass<Prepared>) {
    this.#backend = backend;
    this.#transformer = transformer;
  }

  /**
   * @param tokenIds i32 [rows, S]
   * @returns f32 [rows, S, V], the caller's
   */
  async run(tokenIds: Tensor2D, prepared: Prepared): Promise<Tensor3D> {
    const rows = tokenIds.shape[0];
    const inputs = [tokenIds, ...tensorsOf(prepared)];
    let plan = this.#plans.get(rows);
    if (!plan) {
      plan = this.#backend.capture(
        (ids, ...tensors) => this.#transformer.forward(ids as Tensor2D, withTensors(prepared, tensors)),
        inputs,
      );
      this.#plans.set(rows, plan);
      plan.catch(() => this.#plans.delete(rows)); // the next one tries again
    }
    const captured = await plan;
    if (this.#isDisposed) captured.dispose();
    else this.#captured.add(captured);
    const [logits] = await captured.run(inputs);
    return logits as Tensor3D;
  }

  /** Frees the plans; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#isDisposed = true;
    for (const plan of this.#captured) plan.dispose();
    this.#captured.clear();
    this.#plans.clear();
  }
}

/** Tensors of an object's fields and lists, in order. */
function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsOf);
}

/** The same object with other tensors in their places. */
function withTensors<T>(value: T, tensors: readonly Tensor[]): T {
  let next = 0;
  const replace = (part: unknown): unknown => {
    if (part instanceof Tensor) return tensors[next++];
    if (Array.isArray(part)) return part.map(replace);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, field]) => [key, replace(field)]));
  };
  return replace(value) as T;
}
