import { assertShape, type Backend, ConfigError, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import type { T5Config } from './config.js';
import { encoderBlock, finalNorm, type LayerContext, positionBias } from './encoderLayers.js';
import { t5Parameters } from './parameters.js';
import type { T5Tokenizer } from './tokenizer/t5Tokenizer.js';

export interface TextStates {
  /** f32 [B, T, D]. At padding the values are whatever the network makes of a padding token: use the mask. */
  readonly embeds: tf.Tensor3D;
  /** f32 [B, T], 1 where there is a token, 0 at padding. */
  readonly mask: tf.Tensor2D;
}

const place = (where: string) => ({ package: 't5-encoder', in: where });

/**
 * The T5 encoder (Raffel et al. 2020, arXiv 1910.10683; gated feed-forward of v1.1: Shazeer 2020, arXiv 2002.05202).
 *
 * Per layer x += attention(rmsNorm(x)), x += feedForward(rmsNorm(x)), then a last rmsNorm. Scores are q·kᵀ + position bias,
 * not divided by √K; there are no biases and, as this is for inference and small joint training, no dropout.
 */
export class T5Encoder {
  private readonly context: LayerContext;

  /** @param parameters tensors by name in memory layout, read at each call (so they may be variables in training); `dispose` frees them */
  constructor(
    readonly backend: Backend,
    readonly config: T5Config,
    readonly parameters: Parameters,
    readonly tokenizer?: T5Tokenizer,
  ) {
    checkTokenizer(config, tokenizer);
    const missing = t5Parameters(config).filter(({ name }) => !parameters.has(name));
    if (missing.length > 0) {
      throw new WeightError(
        place('T5Encoder'),
        `expected parameters ${missing.map(({ name }) => name).join(', ')}, got none`,
      );
    }
    const get = (name: string) => this.get(name);
    const linear = (x: tf.Tensor, name: string) => backend.ops.linear(x, get(name) as tf.Tensor2D);
    this.context = { backend, config, get, linear };
  }

  /**
   * Hidden states of token ids. Differentiable in the parameters. The caller owns the result.
   *
   * Keys at padding are hidden; the states at padding positions themselves are not zeroed.
   *
   * @param ids i32 [B, T] in [0, vocabSize)
   * @param mask f32 [B, T], 1 = token, 0 = padding
   * @returns f32 [B, T, D]
   * @throws ShapeError if the two shapes differ or are not of rank 2
   */
  forward(ids: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor3D {
    const { B, T } = assertShape(place('forward'), 'ids', ids, ['B', 'T']) as { B: number; T: number };
    assertShape(place('forward'), 'mask', mask, [B, T]);
    return tf.tidy(() => {
      const bias = positionBias(this.context, T);
      let x = this.backend.ops.embedding(this.get('shared.weight') as tf.Tensor2D, ids) as tf.Tensor3D;
      for (let layer = 0; layer < this.config.numLayers; layer++) x = encoderBlock(this.context, layer, x, bias, mask);
      return finalNorm(this.context, x);
    });
  }

  /**
   * Texts to hidden states, padded or cut to `maxLength` tokens (cut texts keep their `</s>`). The caller owns both tensors.
   *
   * @param texts at least one; an empty text is `</s>` alone
   * @param options.maxLength tokens per text; `config.maxLength` if left out
   * @throws ConfigError without a tokenizer, without texts, or if `maxLength` is no whole number of at least 1
   */
  encode(
    texts: readonly string[],
    { maxLength = this.config.maxLength }: { readonly maxLength?: number } = {},
  ): TextStates {
    if (!this.tokenizer)
      throw new ConfigError(place('encode'), 'expected an encoder with a tokenizer, got one without');
    const { ids, mask, shape } = this.tokenizer.encodeBatch(texts, maxLength);
    return tf.tidy(() => {
      const maskTensor = tf.tensor2d(mask, shape, 'float32');
      return { embeds: this.forward(tf.tensor2d(ids, shape, 'int32'), maskTensor), mask: maskTensor };
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  private get(name: string): tf.Tensor {
    const tensor = this.parameters.get(name);
    if (!tensor) throw new WeightError(place('forward'), `expected parameter ${name}, got none (disposed?)`);
    return tensor;
  }
}

/** @throws ConfigError if the embedding has too few rows for the tokenizer's ids */
export function checkTokenizer(config: T5Config, tokenizer: T5Tokenizer | undefined): void {
  if (!tokenizer || tokenizer.vocabSize <= config.vocabSize) return;
  throw new ConfigError(
    place('T5Encoder'),
    `expected a tokenizer of at most vocabSize = ${config.vocabSize} ids, got one of ${tokenizer.vocabSize}`,
  );
}
