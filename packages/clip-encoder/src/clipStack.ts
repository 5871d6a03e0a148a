import { type Backend, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import type { ClipStackConfig } from './config.js';

/** The layers of a tower, under the names of its parameters; of what is not a layer the caller tidies. */
export class ClipStack {
  constructor(
    readonly backend: Backend,
    readonly config: ClipStackConfig,
    readonly parameters: Parameters,
    /** `text_model` or `vision_model`. */
    private readonly tower: string,
  ) {}

  /**
   * x += attention(norm(x)), x += mlp(norm(x)).
   *
   * @param x f32 [B, T, D]
   * @param bias on the scores, f32 [1, 1, T, T]: hides what comes later in a text
   */
  layer(index: number, x: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
    const { ops } = this.backend;
    const name = `${this.tower}.encoder.layers.${index}`;
    return tf.tidy(() => {
      const input = this.norm(`${name}.layer_norm1`, x);
      const project = (part: string) => this.linear(`${name}.self_attn.${part}`, input) as tf.Tensor3D;
      const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
      const mixed = ops.attention(q, k, v, { numHeads: this.config.numHeads, bias }); // f32 [B, T, D]
      const y = tf.add(x, this.linear(`${name}.self_attn.out_proj`, mixed));
      const inner = this.activate(this.linear(`${name}.mlp.fc1`, this.norm(`${name}.layer_norm2`, y))); // f32 [B, T, F]
      return tf.add(y, this.linear(`${name}.mlp.fc2`, inner));
    });
  }

  norm(name: string, x: tf.Tensor): tf.Tensor {
    const [weight, bias] = [this.get(`${name}.weight`), this.get(`${name}.bias`)] as [tf.Tensor1D, tf.Tensor1D];
    return this.backend.ops.layerNorm(x, weight, bias, this.config.layerNormEpsilon);
  }

  linear(name: string, x: tf.Tensor): tf.Tensor {
    const weight = this.get(`${name}.weight`) as tf.Tensor2D;
    return this.backend.ops.linear(x, weight, this.get(`${name}.bias`) as tf.Tensor1D);
  }

  get(name: string): tf.Tensor {
    const tensor = this.parameters.get(name);
    if (tensor) return tensor;
    throw new WeightError(
      { package: 'clip-encoder', in: 'forward' },
      `expected parameter ${name}, got none (disposed?)`,
    );
  }

  private activate(x: tf.Tensor): tf.Tensor {
    const { activation } = this.config;
    switch (activation) {
      case 'quick_gelu':
        return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
      case 'gelu':
        return this.backend.ops.gelu(x);
      default:
        return activation satisfies never;
    }
  }
}
