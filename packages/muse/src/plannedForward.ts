import type { Backend, Plan } from '@muse/backend';
import { Tensor, type Tensor1D, type Tensor2D, type Tensor3D } from '@tensorflow/tfjs';

/** The part of a transformer that is asked in every step. */
export interface ForwardPass<Prepared> {
  forward(tokenIds: Tensor2D, prepared: Prepared): Tensor3D;
}

/** What a device draws tokens by; see the backend's `sampleTokens`. */
export interface DrawSettings {
  /** f32 [S] */
  readonly draws: Float32Array;
  readonly guidanceScale: number;
  readonly sampleTemperature: number;
}

/**
 * A transformer's forward pass, captured as a plan for each number of rows when that is first asked for: what depends on
 * the prompt is among the plan's inputs, so the same plan serves every prompt.
 */
export class PlannedForward<Prepared extends object> {
  readonly #backend: Backend;
  readonly #transformer: ForwardPass<Prepared>;
  readonly #plans = new Map<string, Promise<Plan>>();
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
    const forward = (ids: Tensor, ...tensors: Tensor[]) => this.#forward(ids, prepared, tensors);
    const inputs = [tokenIds, ...tensorsOf(prepared)];
    const plan = await this.#plan(`logits of ${tokenIds.shape[0]}`, forward, inputs);
    const [logits] = await plan.run(inputs);
    return logits as Tensor3D;
  }

  /**
   * The forward pass with the draw of tokens behind it: logits stay on the device.
   *
   * @param tokenIds i32 [rows, S], the same in every row: the prompt's, and the unconditional one
   * @returns f32 [S, 2]: tokens and their log-probabilities, the caller's
   */
  async sample(tokenIds: Tensor2D, prepared: Prepared, settings: DrawSettings): Promise<Tensor2D> {
    const { tf, ops } = this.#backend;
    const forward = (ids: Tensor, draws: Tensor, scales: Tensor, ...tensors: Tensor[]) =>
      ops.sampleTokens(this.#forward(ids, prepared, tensors), draws as Tensor1D, scales as Tensor1D);
    const given = [
      tf.tensor1d(settings.draws),
      tf.tensor1d([settings.guidanceScale, settings.sampleTemperature], 'float32'),
    ];
    try {
      const inputs = [tokenIds, ...given, ...tensorsOf(prepared)];
      const plan = await this.#plan(`samples of ${tokenIds.shape[0]}`, forward, inputs);
      const [sampled] = await plan.run(inputs);
      return sampled as Tensor2D;
    } finally {
      tf.dispose(given);
    }
  }

  /** Frees the plans; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#isDisposed = true;
    for (const plan of this.#captured) plan.dispose();
    this.#captured.clear();
    this.#plans.clear();
  }

  #forward(tokenIds: Tensor, prepared: Prepared, tensors: readonly Tensor[]): Tensor3D {
    return this.#transformer.forward(tokenIds as Tensor2D, withTensors(prepared, tensors));
  }

  async #plan(key: string, fn: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Promise<Plan> {
    let plan = this.#plans.get(key);
    if (!plan) {
      plan = this.#backend.capture(fn, inputs);
      this.#plans.set(key, plan);
      plan.catch(() => this.#plans.delete(key)); // the next one tries again
    }
    const captured = await plan;
    if (this.#isDisposed) captured.dispose();
    else this.#captured.add(captured);
    return captured;
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
