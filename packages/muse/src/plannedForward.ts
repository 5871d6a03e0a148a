import { type Backend, streamWords } from '@muse/backend';
import type { DecideRequest, SampleRequest } from '@muse/sampler';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { PlanCache } from './planCache.js';
import type { PreparedRows } from './preparedRows.js';
import { tensorsOf, withTensors } from './tensorTree.js';

/** The part of a transformer that is asked in every step. */
export interface ForwardPass<Prepared> {
  readonly maskTokenId: number;
  forward(tokenIds: Tensor2D, prepared: Prepared, positions?: Tensor2D): Tensor3D;
}

/** Which logits of a step are asked for. */
export interface ForwardRequest {
  /** Those of the unconditional row beside the prompt's. */
  readonly needsUnconditional: boolean;
  /** B, all of one prompt. */
  readonly numImages: number;
}

/** What stays on the device from step to step. */
export interface DecodeTensors {
  /** f32 [3, B, S], see the backend's `decideTokens`. */
  readonly state: Tensor3D;
  /** f32 [S]. */
  readonly baseScores: Tensor1D;
}

/**
 * A transformer's forward pass, captured as a plan for each number of rows when that is first asked for: what depends on
 * the prompt is among the plan's inputs, so the same plan serves every prompt.
 */
export class PlannedForward<Prepared extends { dispose(): void }> {
  readonly #backend: Backend;
  readonly #transformer: ForwardPass<Prepared>;
  readonly #plans: PlanCache;
  /** Where calls of a plan run side by side. Elsewhere a batch of rows is faster than one after the other. */
  readonly #areRowsApart: boolean;

  constructor(backend: Backend, transformer: ForwardPass<Prepared>) {
    this.#backend = backend;
    this.#areRowsApart = backend.name === 'tensorflow' && !backend.capabilities.isGpu;
    this.#transformer = transformer;
    this.#plans = new PlanCache(backend);
  }

  /**
   * @param tokenIds i32 [B·S]
   * @returns f32 [B, S, V] for the prompt, then without it if asked for; the caller's
   */
  async run(tokenIds: Int32Array, rows: PreparedRows<Prepared>, request: ForwardRequest): Promise<Tensor3D[]> {
    const { tf } = this.#backend;
    const calls = this.#callsFor(tokenIds, rows, request);
    const forward = (ids: Tensor, ...tensors: Tensor[]) =>
      this.#transformer.forward(ids as Tensor2D, withTensors(calls[0]!.prepared, tensors));
    const inputs = calls.flatMap(({ ids, prepared }) => [ids, ...tensorsOf(prepared)]);
    try {
      const key = `logits of ${calls.length} × ${calls[0]!.ids.shape[0]}`;
      const plan = await this.#plans.get(key, forward, () => inputs, { numCalls: calls.length });
      const logits = await plan.run(inputs);
      const numKinds = request.needsUnconditional ? 2 : 1;
      const ofKind = (kind: number) => logits.slice(kind * request.numImages, (kind + 1) * request.numImages);
      const kinds = tf.tidy(() =>
        logits.length === 1
          ? tf.split(logits[0]!, numKinds)
          : Array.from({ length: numKinds }, (_, kind) => tf.concat(ofKind(kind))),
      );
      tf.dispose(logits);
      return kinds as Tensor3D[];
    } finally {
      tf.dispose(calls.map(({ ids }) => ids));
    }
  }

  /**
   * Tokens of positions, drawn where the logits are. What an image gets depends on its own positions alone.
   *
   * @param tokenIds i32 [B·S]
   * @returns of each image f32 [M, 2], see the backend's `sampleTokens`; the caller's
   */
  async sample(tokenIds: Int32Array, rows: PreparedRows<Prepared>, request: SampleRequest): Promise<Tensor2D[]> {
    const { tf, ops } = this.#backend;
    const { positions, draws, guidanceScale, sampleTemperature, needsUnconditional } = request;
    const kinds = await this.run(tokenIds, rows, { needsUnconditional, numImages: positions.length });
    const S = tokenIds.length / positions.length;
    const sampled = tf.tidy(() => {
      const settings = tf.tensor1d([guidanceScale, sampleTemperature]);
      return positions.map((chosen, image): Tensor2D => {
        const M = chosen.length;
        if (M === 0) return tf.zeros([0, 2]);
        return tf.tidy(() => {
          const logits = kinds.map((batch) => {
            const own = tf.slice(batch, image, 1); // f32 [1, S, V]
            return M === S ? own : tf.gather(own, tf.tensor1d([...chosen], 'int32'), 1);
          });
          return ops.sampleTokens(tf.concat(logits) as Tensor3D, tf.tensor1d(draws[image]!), settings);
        });
      });
    });
    tf.dispose(kinds);
    return sampled;
  }

  /**
   * A whole step of a decode: random numbers, logits of the masked positions, the draw, and which of them are decided. Nothing is
   * read, and what is handed in are a few words an image.
   *
   * @param prepared of B rows, or 2·B where the step is guided: those of the prompt, then the unconditional ones
   * @returns the state after it, the caller's
   */
  async decide({ state, baseScores }: DecodeTensors, prepared: Prepared, request: DecideRequest): Promise<Tensor3D> {
    const { tf } = this.#backend;
    const [, B, S] = state.shape;
    const { numMasked, numDecided, needsUnconditional, confidenceWeight, noiseTemperature } = request;
    const numLogits = logitsFor(Math.max(...numMasked), S);
    const numKinds = needsUnconditional ? 2 : 1;
    const values = [
      { data: streamWords(request.drawStreams), shape: [B, 4] },
      { data: streamWords(request.noiseStreams), shape: [B, 4] },
      {
        data: Float32Array.from(numDecided.flatMap((count) => [confidenceWeight, count, noiseTemperature])),
        shape: [B, 3],
      },
      { data: Float32Array.of(request.guidanceScale, request.sampleTemperature), shape: [2] },
    ];
    const step = (...inputs: Tensor[]) => this.#step(inputs, prepared, { numKinds, numLogits });
    const rest = [baseScores, ...tensorsOf(prepared)];
    let made: Tensor[] = [];
    const examples = () => {
      made = values.map(({ data, shape }) => tf.tensor(data, shape));
      return [state, ...made, ...rest];
    };
    try {
      const plan = await this.#plans.get(`step of ${numKinds} × ${B}, ${numLogits} logits`, step, examples);
      const [next] = await plan.run([state, ...values.map(({ data }) => data), ...rest]);
      return next as Tensor3D;
    } finally {
      tf.dispose(made);
    }
  }

  /** Frees the plans; one that is being captured is freed as soon as it is there. */
  dispose(): void {
    this.#plans.dispose();
  }

  /** The forward passes of a step, each with token ids i32 [rows, S] of its own. */
  #callsFor(tokenIds: Int32Array, rows: PreparedRows<Prepared>, { needsUnconditional, numImages }: ForwardRequest) {
    const { tf } = this.#backend;
    const S = tokenIds.length / numImages;
    if (this.#areRowsApart) {
      return rows.apart(needsUnconditional, numImages).map((prepared, row) => {
        const image = row % numImages;
        return { ids: tf.tensor2d(tokenIds.subarray(image * S, (image + 1) * S), [1, S], 'int32'), prepared };
      });
    }
    const ids = tf.tidy(() => {
      const images = tf.tensor2d(tokenIds, [numImages, S], 'int32');
      return needsUnconditional ? tf.concat([images, images]) : images;
    });
    return [{ ids, prepared: rows.joined(needsUnconditional, numImages) }];
  }

  #step(
    [state, drawStreams, noiseStreams, choice, settings, baseScores, ...tensors]: Tensor[],
    prepared: Prepared,
    { numKinds, numLogits: M }: { numKinds: number; numLogits: number },
  ): Tensor {
    const { tf, ops } = this.#backend;
    const { maskTokenId } = this.#transformer;
    const [, B, S] = (state as Tensor3D).shape;
    const tokens = tf.cast(tf.reshape(tf.slice(state!, 0, 1), [B, S]), 'int32') as Tensor2D;
    const positions = ops.maskedPositions(tokens, maskTokenId, M);
    const perKind = (rows: Tensor2D) => (numKinds === 1 ? rows : tf.concat([rows, rows]));
    const own = withTensors(prepared, tensors);
    const logits = this.#transformer.forward(perKind(tokens), own, perKind(positions)); // f32 [kinds·B, M, V]
    const V = logits.shape[2];
    const draws = ops.uniformNumbers(drawStreams as Tensor2D, S);
    const drawn = ops.sampleTokens(
      tf.reshape(logits, [numKinds, B * M, V]),
      tf.reshape(tf.gather(draws, positions, 1, 1), [B * M]) as Tensor1D,
      settings as Tensor1D,
    ); // f32 [B·M, 2]
    const noise = ops.choiceNoise({
      streams: noiseStreams as Tensor2D,
      baseScores: baseScores as Tensor1D,
      choice: choice as Tensor2D,
    });
    const tensorsOfStep = { state, drawn: tf.reshape(drawn, [B, M, 2]), noise, choice };
    return ops.decideTokens(tensorsOfStep as Parameters<typeof ops.decideTokens>[0], maskTokenId);
  }
}

/** How many positions' logits a step asks for: each number is a plan of its own, so there are two. */
function logitsFor(numMasked: number, seqLen: number): number {
  const half = Math.ceil(seqLen / 2);
  return numMasked <= half ? half : seqLen;
}
