import { type Backend, ConfigError, MuseError, WeightError } from '@muse/backend';
import type { Checkpoint, Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import type { T5Config } from '../config.js';
import { encoderBlock, finalNorm, type LayerContext, positionBias } from '../encoderLayers.js';
import type { TextStates } from '../t5Encoder.js';
import type { T5Tokenizer } from '../tokenizer/t5Tokenizer.js';
import type { BlockSource } from './blockSource.js';
import { readEmbeddingRows } from './embeddingRows.js';
import { padStates } from './padStates.js';
import type { PromptCache } from './promptCache.js';
import { promptKey } from './promptKey.js';

/** What a stage of `encodeTexts` took, for all texts that were computed together. */
export interface EncodeProgress {
  /** `embeddings`: rows read; `weights`: a block read and widened; `compute`: a block, for all texts; `cached`: read from the cache. */
  readonly stage: 'cached' | 'embeddings' | 'weights' | 'compute';
  /** Of `weights` and `compute`, from 0 on. */
  readonly layer?: number;
  /** How many blocks there are, of `weights` and `compute`. */
  readonly numLayers?: number;
  readonly numTexts: number;
  readonly elapsedMs: number;
}

/** The states of one text, on the host. */
export interface PromptStates {
  readonly tokenIds: Int32Array;
  /** f32 [t, D], t = tokens of this text: no padding. */
  readonly embeds: Float32Array;
  readonly shape: readonly [t: number, D: number];
}

export interface StreamedEncodeOptions {
  /** Most tokens of a text; `config.maxLength` if left out. */
  readonly maxLength?: number;
  readonly onProgress?: (progress: EncodeProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a streamed encoder is made of; `openStreamedT5Encoder` makes it of a model's files. */
export interface StreamedParts {
  readonly backend: Backend;
  readonly config: T5Config;
  readonly tokenizer?: T5Tokenizer;
  /** Names as in `t5Parameters`; closed by `dispose`. */
  readonly checkpoint: Checkpoint;
  readonly blocks: BlockSource;
  /** The position bias and the last norm, which stay on the device. */
  readonly fixed: Parameters;
  /** What the states depend on beside the text: model and precision. */
  readonly fingerprint: string;
  readonly cache?: PromptCache;
}

const place = (where: string) => ({ package: 't5-encoder', in: where });

/**
 * A T5 encoder whose weights stay in their file: embedding rows are read by range, blocks one after another, each for all
 * texts of a call, so that XXL's 4.7 billion parameters need the memory of one block.
 *
 * Each text is computed alone and at its own length: its states don't depend, to the bit, on what is beside it. Calls
 * run one after another.
 */
export class StreamedT5Encoder {
  readonly backend: Backend;
  readonly config: T5Config;
  readonly tokenizer: T5Tokenizer | undefined;
  readonly #parts: StreamedParts;
  #last: Promise<unknown> = Promise.resolve();
  #isDisposed = false;

  constructor(parts: StreamedParts) {
    this.backend = parts.backend;
    this.config = parts.config;
    this.tokenizer = parts.tokenizer;
    this.#parts = parts;
  }

  /**
   * Texts to hidden states, padded with zeros to `maxLength` tokens. The caller owns both tensors.
   *
   * @throws ConfigError without texts, or if `maxLength` is no whole number of at least 1; WeightError for a file that can't be read
   */
  async encode(texts: readonly string[], options: StreamedEncodeOptions = {}): Promise<TextStates> {
    const { maxLength = this.config.maxLength } = options;
    const states = await this.encodeTexts(texts, options);
    const { embeds, mask } = padStates(states, maxLength, this.config.dModel);
    const shape: [number, number] = [states.length, maxLength];
    return {
      embeds: tf.tensor3d(embeds, [...shape, this.config.dModel], 'float32'),
      mask: tf.tensor2d(mask, shape, 'float32'),
    };
  }

  /**
   * Texts to hidden states on the host, in their order.
   *
   * @throws as `encode`; the signal's reason between blocks
   */
  async encodeTexts(texts: readonly string[], options: StreamedEncodeOptions = {}): Promise<PromptStates[]> {
    const { tokenizer, config } = this;
    if (!tokenizer) throw new ConfigError(place('encode'), 'expected an encoder with a tokenizer, got one without');
    const { maxLength = config.maxLength } = options;
    const tokenIds = texts.map((text) => tokenizer.encode(text, { maxLength }));
    return this.encodeTokens(tokenIds, options);
  }

  /**
   * Token ids of texts to hidden states on the host, in their order. What occurs twice is computed once, what the cache
   * has not at all.
   *
   * @param tokenIds of each text, in [0, vocabSize), at least one
   * @throws ConfigError for no texts or a text of no ids, WeightError for a file that can't be read or ids that it lacks;
   *   the signal's reason between blocks
   */
  encodeTokens(tokenIds: readonly Int32Array[], options: StreamedEncodeOptions = {}): Promise<PromptStates[]> {
    const run = this.#last.then(() => this.#encodeTokens(tokenIds, options));
    this.#last = run.catch(() => {});
    return run;
  }

  /** Frees what is on the device, and closes the file once the running call is done. Twice does no harm. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#last;
    tf.dispose([...this.#parts.fixed.values()]);
    await this.#parts.checkpoint.close();
  }

  async #encodeTokens(
    tokenIds: readonly Int32Array[],
    { onProgress, signal }: StreamedEncodeOptions,
  ): Promise<PromptStates[]> {
    const numTexts = tokenIds.length;
    const must = (expected: string, got: string) =>
      new ConfigError(place('encode'), `expected ${expected}, got ${got}`);
    if (this.#isDisposed) throw new MuseError(place('encode'), 'expected an encoder in use, got one that was disposed');
    if (numTexts === 0) throw must('at least one text', 'none');
    if (tokenIds.some((ids) => ids.length === 0)) throw must('at least one token in each text', 'a text of none');
    signal?.throwIfAborted();
    const { cache, checkpoint, fingerprint } = this.#parts;
    const timed = stopwatch(onProgress);

    const rows = await readEmbeddingRows(
      checkpoint,
      'shared.weight',
      tokenIds.flatMap((ids) => [...ids]),
    );
    const prompts = tokenIds.map((ids) => promptOf(ids, rows, this.config.dModel));
    timed({ stage: 'embeddings', numTexts });

    const keys = await Promise.all(prompts.map((prompt) => promptKey(fingerprint, prompt)));
    const done = new Map<string, PromptStates>();
    for (const [index, key] of keys.entries()) {
      if (!cache || done.has(key)) continue;
      const embeds = await cache.get(key, prompts[index]!.shape);
      if (embeds) done.set(key, { ...prompts[index]!, embeds });
    }
    if (done.size > 0) timed({ stage: 'cached', numTexts: done.size });

    const missing = new Map<string, PromptStates>();
    for (const [index, key] of keys.entries()) if (!done.has(key)) missing.set(key, prompts[index]!);
    const computed = await this.#compute([...missing.values()], timed, signal);
    for (const [index, key] of [...missing.keys()].entries()) {
      done.set(key, computed[index]!);
      await cache?.set(key, computed[index]!);
    }
    return keys.map((key) => done.get(key)!);
  }

  /** @param prompts with their token embeddings in `embeds` */
  async #compute(prompts: readonly PromptStates[], timed: Stopwatch, signal?: AbortSignal): Promise<PromptStates[]> {
    if (prompts.length === 0) return [];
    const { backend, config, blocks, fixed } = this.#parts;
    const numTexts = prompts.length;
    const context = contextOf(backend, config, fixed);
    const biases = new Map<number, tf.Tensor4D>();
    let states: tf.Tensor3D[] = [];
    let weights: Parameters | undefined;
    try {
      states = prompts.map(({ embeds, shape }) => tf.tensor3d(embeds, [1, ...shape], 'float32'));
      for (const { shape } of prompts) {
        if (!biases.has(shape[0])) biases.set(shape[0], positionBias(context, shape[0]));
      }
      const { numLayers } = config;
      for (let layer = 0; layer < numLayers; layer++) {
        signal?.throwIfAborted();
        weights = await blocks.block(layer);
        timed({ stage: 'weights', layer, numLayers, numTexts });
        const block = contextOf(backend, config, weights);
        for (const [index, x] of states.entries()) {
          states[index] = encoderBlock(block, layer, x, biases.get(x.shape[1])!);
          x.dispose();
        }
        // A device may only have queued the work, and needs the weights until it is done.
        await finished(states.at(-1)!);
        tf.dispose([...weights.values()]);
        weights = undefined;
        await backend.checkErrors();
        timed({ stage: 'compute', layer, numLayers, numTexts });
      }
      const results: PromptStates[] = [];
      for (const [index, x] of states.entries()) {
        const normed = finalNorm(context, x);
        results.push({ ...prompts[index]!, embeds: (await normed.data()) as Float32Array });
        normed.dispose();
      }
      return results;
    } finally {
      tf.dispose([...states, ...biases.values(), ...(weights?.values() ?? [])]);
    }
  }
}

/** Layers over matrices as they lie in the file. */
function contextOf(backend: Backend, config: T5Config, weights: Parameters): LayerContext {
  const get = (name: string): tf.Tensor => {
    const tensor = weights.get(name);
    if (!tensor) throw new WeightError(place('encode'), `expected a tensor ${name} in the block, got none`);
    return tensor;
  };
  return {
    backend,
    config,
    get,
    linear: (x, name) => {
      const weight = get(name) as tf.Tensor2D; // f32 [O, I]
      const [O, I] = weight.shape;
      return tf.tidy(() =>
        tf.reshape(tf.matMul(tf.reshape(x, [-1, I]), weight, false, true), [...x.shape.slice(0, -1), O]),
      );
    },
  };
}

/** Resolves when the device has computed a tensor. */
async function finished(x: tf.Tensor3D): Promise<void> {
  const corner = tf.slice(x, [0, 0, 0], [1, 1, 1]);
  await corner.data();
  corner.dispose();
}

function promptOf(tokenIds: Int32Array, rows: ReadonlyMap<number, Float32Array>, width: number): PromptStates {
  const embeds = new Float32Array(tokenIds.length * width);
  tokenIds.forEach((id, place) => {
    embeds.set(rows.get(id)!, place * width);
  });
  return { tokenIds, embeds, shape: [tokenIds.length, width] };
}

type Stopwatch = (stage: Omit<EncodeProgress, 'elapsedMs'>) => void;

/** Each call tells the time since the one before. */
function stopwatch(onProgress?: (progress: EncodeProgress) => void): Stopwatch {
  let last = performance.now();
  return (stage) => {
    const now = performance.now();
    onProgress?.({ ...stage, elapsedMs: now - last });
    last = performance.now();
  };
}
