import type { Backend } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import type { MaskedTransformerConfig } from './config.js';
import type { CrossAttentionContext } from './layers/transformerLayers.js';
import { type Conditioning, MaskedTokenModel } from './maskedTokenModel.js';
import { maskedTransformerParameters } from './parameters.js';

/** The part of the work that depends on the text alone: keys and values of each layer's cross-attention. */
export interface PreparedConditioning extends CrossAttentionContext {
  /** f32 [B, T] */
  readonly textMask: tf.Tensor2D;
  /** Frees keys, values and mask. Within a `tf.tidy` there is no need to. */
  dispose(): void;
}

/**
 * The base transformer of Muse (Chang et al. 2023, arXiv 2301.00704, section 2.3): from a grid of image tokens, some of them
 * masked, and a text, the logits of every position's code.
 *
 * x = token embedding + row + column position; per layer x += selfAttention(norm(x)), x += crossAttention(norm(x), text),
 * x += mlp(norm(x)); logits = head(norm(x)). The text comes through one linear projection. Differentiable in the
 * parameters and the text embeddings. No dropout.
 */
export class MaskedTransformer extends MaskedTokenModel<MaskedTransformerConfig, Conditioning, PreparedConditioning> {
  /**
   * @param parameters tensors by name in memory layout, read at each call (so they may be variables in training);
   * `dispose` frees them
   * @throws WeightError that names the parameters which are missing
   */
  constructor(backend: Backend, config: MaskedTransformerConfig, parameters: Parameters) {
    super('MaskedTransformer', backend, config, parameters, maskedTransformerParameters(config));
  }

  /**
   * Projects a text and makes each layer's cross-attention keys and values: once per prompt, not once per step.
   * The caller disposes the result.
   *
   * @throws ShapeError if embeddings and mask do not fit each other or the configuration
   */
  prepare(given: Conditioning): PreparedConditioning {
    this.checkText(given);
    const { keys, values, mask } = tf.tidy(() => {
      const text = this.layers.linear('text_projection', given.textEmbeds); // f32 [B, T, D]
      // A clone, so that the result owns its mask and outlives the caller's.
      return {
        ...this.layers.crossAttentionContext(text, this.config.numLayers),
        mask: tf.clone(given.textMask),
      };
    });
    return { keys, values, textMask: mask, dispose: () => tf.dispose([...keys, ...values, mask]) };
  }

  hiddenStates(tokenIds: tf.Tensor2D, { keys, values, textMask }: PreparedConditioning): tf.Tensor3D {
    this.checkTokenIds('forward', 'tokenIds', tokenIds, [textMask.shape[0], this.seqLen]);
    const { layers } = this;
    return tf.tidy(() => {
      const embedded = layers.embedGrid('', tokenIds); // f32 [B, S, D]
      const states = layers.stack(embedded, this.config.numLayers, (x, layer) => {
        const name = `layers.${layer}`;
        const own = layers.selfAttention(`${name}.self_attention`, x);
        const mixed = layers.crossAttention(`${name}.cross_attention`, own, keys[layer]!, values[layer]!, textMask);
        return layers.mlp(`${name}.mlp`, mixed);
      });
      return layers.norm('final_norm', states) as tf.Tensor3D;
    });
  }
}
