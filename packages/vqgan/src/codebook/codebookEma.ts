import { assertShape, type Backend, ConfigError, type RandomStream, ShapeError, WeightError } from '@muse/backend';
import type { ParameterSpec, Parameters } from '@muse/checkpoint';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { VQGANConfig } from '../config.js';
import { CODEBOOK } from '../parameters.js';
import { kmeansPlusPlus } from './kmeansPlusPlus.js';
import { drawWeightedRows } from './weightedRows.js';

const COUNT = 'quantize.ema_count';
const SUM = 'quantize.ema_sum';

/** Random stream stages. */
const INITIALIZE_STAGE = 0xc0de01;
const REVIVE_STAGE = 0xc0de02;

export interface CodebookEmaOptions {
  /** γ of the moving averages. Default 0.99, as in van den Oord et al. */
  readonly decay?: number;
  /** ε of the Laplace smoothing of the counts. Default 1e-5. */
  readonly epsilon?: number;
  /** A code is dead when its average count is below this share of an even use of all codes. 0 revives none. Default 0.03. */
  readonly deadShare?: number;
}

export interface CodebookUsage {
  /** exp of the entropy of the averaged use: V when all codes are used alike. */
  readonly perplexity: number;
  /** Codes that this batch used. */
  readonly usedCodes: number;
  /** Codes that were dead after this batch; each was replaced, as far as the batch had latents to replace it by. */
  readonly deadCodes: number;
}

/** What a codebook update draws its random numbers from: the same (seed, step) makes the same draws after a resume. */
export interface UpdateStream {
  readonly seed: number;
  readonly step: number;
}

/** The state tensors of `CodebookEma`, for saving beside the model: counts N f32 [V] and sums m f32 [V, E]. */
export function codebookEmaParameters({ codebookSize, codebookDim }: VQGANConfig): ParameterSpec[] {
  const shared = { layout: 'none', init: { kind: 'zeros' }, isTrainable: false } as const;
  return [
    { name: COUNT, shape: [codebookSize], ...shared },
    { name: SUM, shape: [codebookSize, codebookDim], ...shared },
  ];
}

/**
 * The codebook as moving averages of the latents that chose each code, instead of a gradient:
 * N ← γN + (1−γ)n, m ← γm + (1−γ)Σz, e = m / N̂ with N̂ = (N + ε) / (ΣN + Vε) · ΣN.
 *
 * Codes that are hardly used any more are replaced by latents of the batch, drawn in proportion to their squared
 * distance to their codes (as in k-means++), so that revived codes go where the codebook serves worst.
 *
 * @see van den Oord et al. 2017, arXiv 1711.00937, appendix A.1; revival: Dhariwal et al. 2020, arXiv 2005.00341
 */
export class CodebookEma {
  /** Named as `codebookEmaParameters`; owned by this object. */
  readonly state: Parameters;
  readonly #backend: Backend;
  readonly #model: Parameters;
  readonly #options: Required<CodebookEmaOptions>;

  /**
   * @param model the model's parameters; the codebook there is replaced (assigned, if it is a variable) by each update
   * @param state loaded state to go on from; if left out, each code starts with a count of 1
   * @throws ConfigError, WeightError
   */
  constructor(backend: Backend, model: Parameters, options: CodebookEmaOptions = {}, state?: Parameters) {
    this.#options = resolveOptions(options);
    this.#backend = backend;
    this.#model = model;
    this.state = state ?? new Map<string, Tensor>();
    const [V, E] = this.#codebook.shape;
    if (!state) backend.tf.tidy(() => this.#restart(this.#codebook, backend.tf.ones([V]) as Tensor1D));
    for (const [name, shape] of [
      [COUNT, [V]],
      [SUM, [V, E]],
    ] as const) {
      const got = this.state.get(name)?.shape;
      if (got?.join() !== shape.join()) {
        const place = { package: 'vqgan', in: 'CodebookEma' };
        throw new WeightError(
          place,
          `expected state ${name} [${shape.join(', ')}], got ${got ? `[${got.join(', ')}]` : 'none'}`,
        );
      }
    }
  }

  /**
   * Codes chosen among encoder outputs by k-means++, against the collapse that a random codebook starts with. Give it
   * the latents of a large batch, before the first step: many more than there are codes.
   *
   * @param latents f32 [..., E] with at least one row
   */
  async initialize(latents: Tensor, { seed }: Pick<UpdateStream, 'seed'>): Promise<void> {
    const [V, E] = this.#codebook.shape;
    const rows = await latents.data();
    if (latents.shape.at(-1) !== E || rows.length === 0) {
      throw new ShapeError(
        { package: 'vqgan', in: 'CodebookEma.initialize' },
        `expected latents [..., ${E}], got [${latents.shape.join(', ')}]`,
      );
    }
    const codes = kmeansPlusPlus(Float32Array.from(rows), E, V, { seed, stage: INITIALIZE_STAGE });
    const { tf } = this.#backend;
    const evenCount = rows.length / E / V;
    tf.tidy(() => this.#restart(tf.tensor2d(codes, [V, E]), tf.fill([V], evenCount) as Tensor1D));
  }

  /**
   * One update by the latents of a training batch. Nothing of the inputs is disposed.
   *
   * @param latents f32 [M, E]
   * @param tokenIds i32 [M], their nearest codes
   */
  async update(latents: Tensor2D, tokenIds: Tensor1D, { seed, step }: UpdateStream): Promise<CodebookUsage> {
    const { tf } = this.#backend;
    const { epsilon, deadShare } = this.#options;
    const [V, E] = this.#codebook.shape;
    const place = { package: 'vqgan', in: 'CodebookEma.update' };
    const { M } = assertShape(place, 'latents', latents, ['M', E]);
    assertShape(place, 'tokenIds', tokenIds, [M!]);

    const [batchCounts, counts] = tf.tidy(() => {
      const used = tf.unsortedSegmentSum(tf.ones([M!]) as Tensor1D, tokenIds, V); // f32 [V]
      const sums = tf.unsortedSegmentSum(latents, tokenIds, V); // f32 [V, E]
      const newCounts = this.#average(COUNT, used) as Tensor1D;
      const newSums = this.#average(SUM, sums) as Tensor2D;
      const total = tf.sum(newCounts);
      const smoothed = tf.mul(tf.div(tf.add(newCounts, epsilon), tf.add(total, V * epsilon)), total); // f32 [V]
      this.#store(this.#model, CODEBOOK, tf.div(newSums, tf.expandDims(smoothed, 1)));
      return [used, tf.clone(newCounts)] as const;
    });
    const batchValues = await batchCounts.data<'float32'>();
    const values = await counts.data<'float32'>();
    tf.dispose([batchCounts, counts]);

    const total = values.reduce((sum, count) => sum + count, 0);
    const dead = codesBelow(values, (deadShare * total) / V);
    if (dead.length > 0) {
      await this.#revive(dead, total / V, latents, tokenIds, { seed, stage: REVIVE_STAGE, step });
    }
    return {
      perplexity: perplexityOf(values, total),
      usedCodes: V - codesBelow(batchValues, 1).length,
      deadCodes: dead.length,
    };
  }

  /** Frees the state, not the codebook. */
  dispose(): void {
    for (const tensor of this.state.values()) tensor.dispose();
    this.state.clear();
  }

  /** Replaces dead codes by latents that lie far from their codes, each with the count of an evenly used code. */
  async #revive(
    dead: number[],
    count: number,
    latents: Tensor2D,
    tokenIds: Tensor1D,
    stream: RandomStream,
  ): Promise<void> {
    const { tf } = this.#backend;
    const [V] = this.#codebook.shape;
    const errors = tf.tidy(() => tf.sum(tf.square(tf.sub(latents, tf.gather(this.#codebook, tokenIds))), 1)); // f32 [M]
    const rows = drawWeightedRows(await errors.data(), dead.length, stream);
    errors.dispose();
    const isRevived = new Float32Array(V);
    const rowOfCode = new Int32Array(V);
    rows.forEach((row, i) => {
      isRevived[dead[i]!] = 1;
      rowOfCode[dead[i]!] = row;
    });
    tf.tidy(() => {
      const mask = tf.tensor1d(isRevived); // f32 [V]
      const column = tf.expandDims(mask, 1); // f32 [V, 1]
      const replacement = tf.gather(latents, tf.tensor1d(rowOfCode, 'int32')); // f32 [V, E]
      const blend = (old: Tensor, fresh: Tensor, where: Tensor) =>
        tf.add(tf.mul(old, tf.sub(1, where)), tf.mul(fresh, where));
      this.#store(this.#model, CODEBOOK, blend(this.#codebook, replacement, column));
      this.#store(this.state, SUM, blend(this.state.get(SUM)!, tf.mul(replacement, count), column));
      this.#store(this.state, COUNT, blend(this.state.get(COUNT)!, tf.fill([V], count), mask));
    });
  }

  /** A codebook with its averages: codes e, counts N, sums e·N. */
  #restart(codebook: Tensor2D, counts: Tensor1D): void {
    const { tf } = this.#backend;
    tf.tidy(() => {
      this.#store(this.state, SUM, tf.mul(codebook, tf.expandDims(counts, 1)));
      this.#store(this.state, COUNT, counts);
      this.#store(this.#model, CODEBOOK, codebook);
    });
  }

  /** γ·old + (1−γ)·fresh, stored and returned. */
  #average(name: string, fresh: Tensor): Tensor {
    const { tf } = this.#backend;
    const { decay } = this.#options;
    this.#store(this.state, name, tf.add(tf.mul(this.state.get(name)!, decay), tf.mul(fresh, 1 - decay)));
    return this.state.get(name)!;
  }

  /** Assigns a variable, replaces a plain tensor. */
  #store(map: Parameters, name: string, value: Tensor): void {
    const { tf } = this.#backend;
    const old = map.get(name);
    if (old === value) return;
    if (old instanceof tf.Variable) {
      old.assign(value);
      return;
    }
    // A copy, as `value` belongs to the scope around.
    map.set(name, tf.keep(tf.clone(value)));
    old?.dispose();
  }

  get #codebook(): Tensor2D {
    const codebook = this.#model.get(CODEBOOK);
    if (!codebook)
      throw new WeightError({ package: 'vqgan', in: 'CodebookEma' }, `expected a tensor ${CODEBOOK}, got none`);
    return codebook as Tensor2D;
  }
}

function codesBelow(counts: ArrayLike<number>, threshold: number): number[] {
  return Array.from({ length: counts.length }, (_, code) => code).filter((code) => counts[code]! < threshold);
}

function perplexityOf(counts: ArrayLike<number>, total: number): number {
  let entropy = 0;
  for (let code = 0; code < counts.length; code++) {
    const share = counts[code]! / total;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return Math.exp(entropy);
}

function resolveOptions({
  decay = 0.99,
  epsilon = 1e-5,
  deadShare = 0.03,
}: CodebookEmaOptions): Required<CodebookEmaOptions> {
  const place = { package: 'vqgan', in: 'CodebookEma' };
  for (const [name, value] of Object.entries({ decay, deadShare })) {
    if (!(value >= 0 && value < 1)) throw new ConfigError(place, `expected ${name} in [0, 1), got ${value}`);
  }
  if (!(epsilon > 0)) throw new ConfigError(place, `expected epsilon above 0, got ${epsilon}`);
  return { decay, epsilon, deadShare };
}
