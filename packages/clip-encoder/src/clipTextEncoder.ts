import { type Backend, ConfigError, ShapeError, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { ClipStack } from './clipStack.js';
import type { ClipTextConfig } from './config.js';
import { clipTextParameters } from './parameters.js';
import type { ClipTokenizer, TokenBatch } from './tokenizer/clipTokenizer.js';

/** What the text tower makes of texts. */
export interface ClipTextStates {
  /** States before the last layer, f32 [B, T, D]: what diffusers calls hidden_states[-2]. */
  readonly penultimate: tf.Tensor3D;
  /** States after the last layer and the final norm, f32 [B, T, D]. */
  readonly last: tf.Tensor3D;
  /** The texts in the space that they share with images, f32 [B, P]; not normalised. */
  readonly projected: tf.Tensor2D;
}

/** Hides what comes later; large and finite, so that its difference to a score is. */
const HIDDEN_SCORE = -1e9;

/** Before 2023 transformers wrote 2 for the end of text and looked for the highest id. */
const LEGACY_EOS = 2;

const place = (where: string) => ({ package: 'clip-encoder', in: where });

/**
 * CLIP's text tower (Radford et al. 2021, arXiv 2103.00020): token and position embeddings, causal transformer layers, a
 * norm; the state at the end of the text, projected, stands for the text. Padding is not hidden, as the model was trained.
 */
export class ClipTextEncoder {
  readonly #stack: ClipStack;

  /**
   * @param parameters tensors by name in memory layout; `dispose` frees them
   * @throws WeightError that names the parameters which are missing; ConfigError for a tokenizer of more ids than there are
   */
  constructor(
    readonly backend: Backend,
    readonly config: ClipTextConfig,
    readonly parameters: Parameters,
    readonly tokenizer?: ClipTokenizer,
  ) {
    checkTokenizer(config, tokenizer);
    const missing = clipTextParameters(config).filter(({ name }) => !parameters.has(name));
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ');
      throw new WeightError(place('ClipTextEncoder'), `expected parameters ${names}, got none`);
    }
    this.#stack = new ClipStack(backend, config, parameters, 'text_model');
  }

  /** Tokens of a text at most: what position embeddings there are, or fewer if the tokenizer says so. */
  get maxLength(): number {
    const { maxLength } = this.config;
    return Math.min(maxLength, this.tokenizer?.maxLength ?? maxLength);
  }

  /**
   * States of token ids. The caller owns the tensors.
   *
   * @param batch i32 [B, T] on the host, T at most `config.maxLength`
   * @throws ShapeError if there are too many tokens or ids out of range
   */
  forward({ ids, shape: [B, T] }: TokenBatch): ClipTextStates {
    const { maxLength, vocabSize, numLayers } = this.config;
    if (ids.length !== B * T || T > maxLength || T < 1) {
      const expected = `[B, T] token ids, T at most ${maxLength}`;
      throw new ShapeError(place('forward'), `expected ${expected}, got ${ids.length} of [${B}, ${T}]`);
    }
    const strange = ids.find((id) => id < 0 || id >= vocabSize);
    if (strange !== undefined) {
      throw new ShapeError(place('forward'), `expected token ids in [0, ${vocabSize}), got ${strange}`);
    }
    const stack = this.#stack;
    const { penultimate, last, projected } = tf.tidy(() => {
      const table = stack.get('text_model.embeddings.token_embedding.weight') as tf.Tensor2D;
      const positions = tf.slice(stack.get('text_model.embeddings.position_embedding.weight'), 0, T); // f32 [T, D]
      const bias = causalBias(T);
      let x: tf.Tensor = tf.add(this.backend.ops.embedding(table, tf.tensor2d(ids, [B, T], 'int32')), positions);
      let beforeLast = x;
      for (let layer = 0; layer < numLayers; layer++) {
        const input = x;
        x = stack.layer(layer, input, bias);
        if (beforeLast !== input) beforeLast.dispose();
        beforeLast = input;
      }
      const normed = stack.norm('text_model.final_layer_norm', x) as tf.Tensor3D;
      const ends = Array.from({ length: B }, (_, b) => this.#end(ids.subarray(b * T, (b + 1) * T)) + b * T);
      const pooled = tf.gather(tf.reshape(normed, [B * T, -1]), tf.tensor1d(ends, 'int32')); // f32 [B, D]
      const projection = stack.get('text_projection.weight') as tf.Tensor2D;
      return {
        penultimate: beforeLast as tf.Tensor3D,
        last: normed,
        projected: this.backend.ops.linear(pooled, projection) as tf.Tensor2D,
      };
    });
    return { penultimate, last, projected };
  }

  /**
   * Texts to states, each padded or cut to `maxLength` tokens. The caller owns the tensors.
   *
   * @throws ConfigError without a tokenizer or without texts
   */
  encode(texts: readonly string[]): ClipTextStates {
    if (!this.tokenizer) {
      throw new ConfigError(place('encode'), 'expected an encoder with a tokenizer, got one without');
    }
    return this.forward(this.tokenizer.encodeBatch(texts, this.maxLength));
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  /** Where a text ends: at the first end token, or else at its start, as in transformers. */
  #end(ids: Int32Array): number {
    const { eosTokenId } = this.config;
    const id = eosTokenId === LEGACY_EOS ? ids.reduce((most, one) => Math.max(most, one), 0) : eosTokenId;
    return Math.max(0, ids.indexOf(id));
  }
}

/** f32 [1, 1, T, T]: a token sees those before it and itself. */
function causalBias(T: number): tf.Tensor4D {
  const bias = new Float32Array(T * T);
  for (let row = 0; row < T; row++) bias.fill(HIDDEN_SCORE, row * T + row + 1, (row + 1) * T);
  return tf.tensor4d(bias, [1, 1, T, T]);
}

/** @throws ConfigError if the tokenizer is of another model: more ids than the embedding has rows, another end of text */
export function checkTokenizer(config: ClipTextConfig, tokenizer: ClipTokenizer | undefined): void {
  if (!tokenizer) return;
  const { vocabSize, eosTokenId } = config;
  if (tokenizer.vocabSize > vocabSize) {
    const expected = `a tokenizer of at most vocab_size = ${vocabSize} ids`;
    throw new ConfigError(place('ClipTextEncoder'), `expected ${expected}, got one of ${tokenizer.vocabSize}`);
  }
  // The highest id stands for the end in older files, so it must be the tokenizer's.
  const endId = eosTokenId === LEGACY_EOS ? tokenizer.vocabSize - 1 : eosTokenId;
  if (tokenizer.endId === endId) return;
  const expected = `a tokenizer that ends texts with eos_token_id = ${endId}`;
  throw new ConfigError(place('ClipTextEncoder'), `expected ${expected}, got one with ${tokenizer.endId}`);
}
