import { assertShape, type Backend, ShapeError, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import type { MaskedTransformerConfig } from './config.js';
import { maskedTransformerParameters } from './parameters.js';

/** What a prompt's text becomes for the transformer. */
export interface Conditioning {
  /** f32 [B, T, textDim] */
  readonly textEmbeds: tf.Tensor3D;
  /** f32 [B, T], 1 = token, 0 = padding. A row of zeros is the unconditional branch. */
  readonly textMask: tf.Tensor2D;
}

/** The part of the work that depends on the text alone: keys and values of each layer's cross-attention. */
export interface PreparedConditioning {
  /** f32 [B, T, D] per layer */
  readonly keys: readonly tf.Tensor3D[];
  /** f32 [B, T, D] per layer */
  readonly values: readonly tf.Tensor3D[];
  /** f32 [B, T] */
  readonly textMask: tf.Tensor2D;
  /** Frees keys, values and mask. Within a `tf.tidy` there is no need to. */
  dispose(): void;
}

const place = (where: string) => ({ package: 'masked-transformer', in: where });

/**
 * The base transformer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.3): from a grid of image tokens, some of them
 * masked, and a text, the logits of every position's code.
 *
 * x = token embedding + row + column position; per layer x += selfAttention(norm(x)), x += crossAttention(norm(x), text),
 * x += mlp(norm(x)); logits = head(norm(x)). The text comes through one linear projection. Differentiable in the
 * parameters and the text embeddings. No dropout.
 */
export class MaskedTransformer {
  /** The id that stands for “not known yet”: V. */
  readonly maskTokenId: number;
  /** Tokens per image, S. */
  readonly seqLen: number;

  /**
   * @param parameters tensors by name in memory layout, read at each call (so they may be variables in training);
   * `dispose` frees them
   * @throws WeightError that names the parameters which are missing
   */
  constructor(
    readonly backend: Backend,
    readonly config: MaskedTransformerConfig,
    readonly parameters: Parameters,
  ) {
    this.maskTokenId = config.codebookSize;
    this.seqLen = config.latentSize ** 2;
    const missing = maskedTransformerParameters(config).filter(({ name }) => !parameters.has(name));
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ');
      throw new WeightError(place('MaskedTransformer'), `expected parameters ${names}, got none`);
    }
  }

  /**
   * Projects a text and makes each layer's cross-attention keys and values: once per prompt, not once per step.
   * The caller disposes the result.
   *
   * @throws ShapeError if embeddings and mask do not fit each other or the configuration
   */
  prepare({ textEmbeds, textMask }: Conditioning): PreparedConditioning {
    const { textDim, numLayers } = this.config;
    const letters = assertShape(place('prepare'), 'textEmbeds', textEmbeds, ['B', 'T', textDim]);
    assertShape(place('prepare'), 'textMask', textMask, [letters.B!, letters.T!]);
    const { ops } = this.backend;
    const { keys, values, mask } = tf.tidy(() => {
      const text = ops.linear(textEmbeds, this.matrix('text_projection')); // f32 [B, T, D]
      const project = (part: string) =>
        Array.from(
          { length: numLayers },
          (_, layer) => ops.linear(text, this.matrix(`layers.${layer}.cross_attention.${part}`)) as tf.Tensor3D,
        );
      // A clone, so that the result owns its mask and outlives the caller's.
      return { keys: project('key'), values: project('value'), mask: tf.clone(textMask) };
    });
    return { keys, values, textMask: mask, dispose: () => tf.dispose([keys, values, mask]) };
  }

  /**
   * Logits of every position. The caller owns the result.
   *
   * @param tokenIds i32 [B, S], row by row over the grid, in [0, V]; V is the mask
   * @returns f32 [B, S, V]
   * @throws ShapeError if the ids are not [B, S] with the B of `prepared`
   */
  forward(tokenIds: tf.Tensor2D, prepared: PreparedConditioning): tf.Tensor3D {
    return tf.tidy(() => {
      const hidden = this.hiddenStates(tokenIds, prepared);
      return this.head(hidden) as tf.Tensor3D;
    });
  }

  /**
   * The states below the head, normed. Training takes the head of some positions only. The caller owns the result.
   *
   * @returns f32 [B, S, D]
   */
  hiddenStates(tokenIds: tf.Tensor2D, prepared: PreparedConditioning): tf.Tensor3D {
    const { keys, values, textMask } = prepared;
    const [B] = textMask.shape;
    assertShape(place('forward'), 'tokenIds', tokenIds, [B, this.seqLen]);
    if (tokenIds.dtype !== 'int32') {
      throw new ShapeError(place('forward'), `expected tokenIds of int32, got ${tokenIds.dtype}`);
    }
    const { ops } = this.backend;
    return tf.tidy(() => {
      const tokens = ops.embedding(this.get('token_embedding.weight') as tf.Tensor2D, tokenIds); // f32 [B, S, D]
      let x = tf.add(tokens, this.positions());
      for (let layer = 0; layer < this.config.numLayers; layer++) {
        const name = `layers.${layer}`;
        x = tf.add(x, this.selfAttention(`${name}.self_attention`, x));
        x = tf.add(x, this.crossAttention(`${name}.cross_attention`, x, keys[layer]!, values[layer]!, textMask));
        x = tf.add(x, this.mlp(`${name}.mlp`, x));
      }
      return this.norm('final_norm', x) as tf.Tensor3D;
    });
  }

  /**
   * States to logits: dense, GELU, norm, output (the head of BERT and MaskGIT). The caller owns the result.
   *
   * @param x f32 [..., D]
   * @returns f32 [..., V]
   */
  head(x: tf.Tensor): tf.Tensor {
    const { ops } = this.backend;
    return tf.tidy(() => {
      const dense = ops.gelu(ops.linear(x, this.matrix('head.dense'), this.get('head.dense.bias') as tf.Tensor1D));
      return ops.linear(
        this.norm('head.norm', dense),
        this.matrix('head.output'),
        this.get('head.output.bias') as tf.Tensor1D,
      );
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  /** Learned 2D positions: a row's and a column's embedding, added. @returns f32 [S, D] */
  private positions(): tf.Tensor2D {
    const { hiddenSize: D } = this.config;
    const rows = tf.expandDims(this.get('row_embedding.weight'), 1); // f32 [h, 1, D]
    const columns = tf.expandDims(this.get('column_embedding.weight'), 0); // f32 [1, w, D]
    return tf.reshape(tf.add(rows, columns), [this.seqLen, D]);
  }

  /** @param x f32 [B, S, D] */
  private selfAttention(name: string, x: tf.Tensor): tf.Tensor {
    const { ops } = this.backend;
    const input = this.norm(`${name}.norm`, x);
    const project = (part: string) => ops.linear(input, this.matrix(`${name}.${part}`)) as tf.Tensor3D;
    const { numHeads } = this.config;
    const mixed = ops.attention(project('query'), project('key'), project('value'), { numHeads }); // f32 [B, S, N·K]
    return ops.linear(mixed, this.matrix(`${name}.output`));
  }

  /** @param x f32 [B, S, D] @param keys f32 [B, T, D] @param values f32 [B, T, D] @param keyMask f32 [B, T] */
  private crossAttention(
    name: string,
    x: tf.Tensor,
    keys: tf.Tensor3D,
    values: tf.Tensor3D,
    keyMask: tf.Tensor2D,
  ): tf.Tensor {
    const { ops } = this.backend;
    const { numHeads } = this.config;
    const queries = ops.linear(this.norm(`${name}.norm`, x), this.matrix(`${name}.query`)) as tf.Tensor3D;
    // Without a visible key attention gives zeros, and without a bias zeros stay zeros: the unconditional branch.
    const mixed = ops.attention(queries, keys, values, { numHeads, keyMask }); // f32 [B, S, N·K]
    return ops.linear(mixed, this.matrix(`${name}.output`));
  }

  /** @param x f32 [B, S, D] */
  private mlp(name: string, x: tf.Tensor): tf.Tensor {
    const { ops } = this.backend;
    const inner = ops.gelu(ops.linear(this.norm(`${name}.norm`, x), this.matrix(`${name}.up`))); // f32 [B, S, F]
    return ops.linear(inner, this.matrix(`${name}.down`));
  }

  private norm(name: string, x: tf.Tensor): tf.Tensor {
    return this.backend.ops.layerNorm(x, this.get(`${name}.weight`) as tf.Tensor1D);
  }

  private matrix(name: string): tf.Tensor2D {
    return this.get(`${name}.weight`) as tf.Tensor2D;
  }

  private get(name: string): tf.Tensor {
    const tensor = this.parameters.get(name);
    if (!tensor) throw new WeightError(place('forward'), `expected parameter ${name}, got none (disposed?)`);
    return tensor;
  }
}
