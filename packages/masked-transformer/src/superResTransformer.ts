import type { Backend } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { type BlockedGrid, fromBlocks, toBlocks } from './layers/multiAxisAttention.js';
import type { CrossAttentionContext } from './layers/transformerLayers.js';
import { type Conditioning, MaskedTokenModel } from './maskedTokenModel.js';
import { superResTransformerParameters } from './parameters.js';
import type { SuperResTransformerConfig } from './superResConfig.js';

/** A text and the tokens of the coarse image, which both say what the fine image is. */
export interface SuperResConditioning extends Conditioning {
  /** i32 [B, s], row by row, in [0, coarseCodebookSize): s = coarseLatentSize², all of them known. */
  readonly coarseTokenIds: tf.Tensor2D;
}

/** The part of the work that does not depend on the fine tokens: keys and values of each layer's cross-attention. */
export interface PreparedSuperRes extends CrossAttentionContext {
  /** f32 [B, T], as given. */
  readonly textMask: tf.Tensor2D;
  /** f32 [B, T + s]: the text's mask, then ones: the coarse tokens are always seen. */
  readonly keyMask: tf.Tensor2D;
  /** Frees keys, values and masks. Within a `tf.tidy` there is no need to. */
  dispose(): void;
}

/**
 * The super-resolution transformer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.4): from a fine grid of tokens,
 * some of them masked, the tokens of the coarse image and the text, the logits of every fine position's code.
 *
 * Coarse tokens and their positions go through a stack of full self-attention and MLP; behind its norm they stand beside the
 * projected text as keys and values of every cross-attention. The fine grid has the base model's layers with multi-axis
 * self-attention (HiT, arXiv 2106.07631) in place of full. An image whose text mask is all zero keeps its coarse tokens:
 * guidance pulls towards the text, not towards the coarse image. Differentiable in the parameters and the text embeddings.
 *
 * What the paper leaves open: docs/decisions/0007-super-resolution.md.
 */
export class SuperResTransformer extends MaskedTokenModel<
  SuperResTransformerConfig,
  SuperResConditioning,
  PreparedSuperRes
> {
  readonly #grid: BlockedGrid;

  /**
   * @param parameters tensors by name in memory layout, read at each call (so they may be variables in training);
   * `dispose` frees them
   * @throws WeightError that names the parameters which are missing
   */
  constructor(backend: Backend, config: SuperResTransformerConfig, parameters: Parameters) {
    super('SuperResTransformer', backend, config, parameters, superResTransformerParameters(config));
    this.#grid = { side: config.latentSize, blockSize: config.blockSize };
  }

  /**
   * Projects a text, encodes the coarse tokens, and makes each layer's cross-attention keys and values: once per image, not
   * once per step. The caller disposes the result.
   *
   * @throws ShapeError if text, mask and coarse tokens do not fit each other or the configuration
   */
  prepare(given: SuperResConditioning): PreparedSuperRes {
    const { numLayers, coarseLatentSize } = this.config;
    const numCoarse = coarseLatentSize ** 2;
    const { B } = this.checkText(given);
    this.checkTokenIds('prepare', 'coarseTokenIds', given.coarseTokenIds, [B, numCoarse]);
    const { keys, values, textMask, keyMask } = tf.tidy(() => {
      const text = this.layers.linear('text_projection', given.textEmbeds); // f32 [B, T, D]
      const context = tf.concat([text, this.#encodeCoarse(given.coarseTokenIds)], 1); // f32 [B, T + s, D]
      return {
        ...this.layers.crossAttentionContext(context, numLayers),
        textMask: tf.clone(given.textMask),
        keyMask: tf.concat([given.textMask, tf.ones([B, numCoarse])], 1) as tf.Tensor2D,
      };
    });
    return { keys, values, textMask, keyMask, dispose: () => tf.dispose([...keys, ...values, textMask, keyMask]) };
  }

  hiddenStates(tokenIds: tf.Tensor2D, { keys, values, keyMask }: PreparedSuperRes): tf.Tensor3D {
    this.checkTokenIds('forward', 'tokenIds', tokenIds, [keyMask.shape[0], this.seqLen]);
    const { layers } = this;
    const { latentSize, blockSize, numLayers } = this.config;
    const numBlocks = (latentSize / blockSize) ** 2;
    return tf.tidy(() => {
      // Block by block throughout: only the multi-axis attention minds the order, and so it has nothing to sort.
      const embedded = toBlocks(layers.embedGrid('', tokenIds), this.#grid); // f32 [B, S, D]
      const states = layers.stack(embedded, numLayers, (x, layer) => {
        const name = `layers.${layer}`;
        const own = layers.multiAxisSelfAttention(`${name}.self_attention`, x, numBlocks);
        const mixed = layers.crossAttention(`${name}.cross_attention`, own, keys[layer]!, values[layer]!, keyMask);
        return layers.mlp(`${name}.mlp`, mixed);
      });
      return fromBlocks(layers.norm('final_norm', states) as tf.Tensor3D, this.#grid);
    });
  }

  /** @param coarseTokenIds i32 [B, s] @returns f32 [B, s, D] */
  #encodeCoarse(coarseTokenIds: tf.Tensor2D): tf.Tensor {
    const { layers } = this;
    const prefix = 'coarse_encoder.';
    const embedded = layers.embedGrid(prefix, coarseTokenIds);
    const states = layers.stack(embedded, this.config.coarseNumLayers, (x, layer) => {
      const name = `${prefix}layers.${layer}`;
      return layers.mlp(`${name}.mlp`, layers.selfAttention(`${name}.self_attention`, x));
    });
    return layers.norm(`${prefix}final_norm`, states);
  }
}
