import type { DecideRequest, TokenDecoder, TokenState } from '@muse/sampler';
import type { Tensor1D, Tensor3D } from '@tensorflow/tfjs';
import type { PlannedForward } from './plannedForward.js';
import type { PreparedRows } from './preparedRows.js';
import type { Runtime } from './runtime.js';

/** Stands for the logarithm of nothing: an infinity may be lost on a GPU. */
const LOG_OF_ZERO = -3e38;

export interface DeviceDecoderParts<Prepared extends { dispose(): void }> {
  readonly runtime: Runtime;
  readonly forward: PlannedForward<Prepared>;
  readonly rows: PreparedRows<Prepared>;
  readonly maskTokenId: number;
  /** B, all of one prompt. */
  readonly numImages: number;
}

/** A decode whose tokens stay on the device: its steps follow each other there without the host. */
export class DeviceDecoder<Prepared extends { dispose(): void }> implements TokenDecoder {
  readonly #parts: DeviceDecoderParts<Prepared>;
  /** f32 [3, B, S] */
  #state: Tensor3D;
  readonly #baseScores: Tensor1D;

  /** @param tokenIds i32 [B·S] @param baseScores f32 [S] */
  constructor(parts: DeviceDecoderParts<Prepared>, tokenIds: Int32Array, baseScores: Float32Array) {
    const { runtime, maskTokenId, numImages } = parts;
    const values = new Float32Array(3 * tokenIds.length);
    values.set(tokenIds);
    values.set(tokenIds, tokenIds.length);
    for (const [at, id] of tokenIds.entries()) values[2 * tokenIds.length + at] = id === maskTokenId ? LOG_OF_ZERO : 0;
    this.#parts = parts;
    this.#state = runtime.backend.tf.tensor3d(values, [3, numImages, tokenIds.length / numImages]);
    this.#baseScores = runtime.backend.tf.tensor1d(baseScores);
  }

  async step(request: DecideRequest): Promise<void> {
    const { runtime, forward, rows, numImages } = this.#parts;
    runtime.checkAlive('generate');
    const before = this.#state;
    const prepared = rows.joined(request.needsUnconditional, numImages);
    this.#state = await forward.decide({ state: before, baseScores: this.#baseScores }, prepared, request);
    before.dispose();
  }

  async read(): Promise<TokenState> {
    const { runtime } = this.#parts;
    const values = await runtime.read<Float32Array>(runtime.backend.tf.clone(this.#state));
    const size = values.length / 3;
    return {
      tokenIds: Int32Array.from(values.subarray(0, size)),
      candidates: Int32Array.from(values.subarray(size, 2 * size)),
      logProbability: values.slice(2 * size),
    };
  }

  dispose(): void {
    this.#state.dispose();
    this.#baseScores.dispose();
  }
}
