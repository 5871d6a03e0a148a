import { type Backend, type Modulation, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';

/** Of the norms in the blocks' attention: not the config's. */
const ATTENTION_NORM_EPSILON = 1e-6;
/** Of the global response norm. */
const RESPONSE_NORM_EPSILON = 1e-6;

/** Keys and values of a text, f32 [B, T, width] each. */
export interface TextKeys {
  readonly keys: tf.Tensor3D;
  readonly values: tf.Tensor3D;
}

/** The parts that a UViT is made of, each under the name of its parameters; the caller tidies. */
export class UViTLayers {
  constructor(
    readonly backend: Backend,
    readonly parameters: Parameters,
    readonly epsilon: number,
  ) {}

  /** scale, shift = linear(silu(condition)), the scale counted from 1. @param activated silu of the condition, f32 [B, D] */
  modulation(name: string, activated: tf.Tensor2D): Modulation {
    const both = this.linear(name, activated); // f32 [B, 2·width]
    const [B, width] = [activated.shape[0], both.shape[1]! / 2];
    const [scale, shift] = tf.split(tf.reshape(both, [B, 1, 2 * width]), 2, 2) as [tf.Tensor, tf.Tensor];
    return { scale: tf.add(scale, 1), shift };
  }

  /** @param context f32 [B, T, D] */
  textKeys(name: string, context: tf.Tensor): TextKeys {
    const project = (part: string) => this.linear(`${name}.${part}`, context) as tf.Tensor3D;
    return { keys: project('to_k'), values: project('to_v') };
  }

  /** Keys and values of the block's two attentions. @param text f32 [B, T, D], the projected text states */
  blockTextKeys(name: string, text: tf.Tensor): [TextKeys, TextKeys] {
    const isMapped = this.parameters.has(`${name}.kv_mapper.weight`);
    const context = isMapped ? this.linear(`${name}.kv_mapper`, this.backend.ops.silu(text)) : text;
    return [this.textKeys(`${name}.attn1`, context), this.textKeys(`${name}.attn2`, context)];
  }

  /**
   * A ConvNeXt V2 block (Woo et al. 2023, arXiv 2301.00808) whose result the condition modulates.
   *
   * @param x f32 [B, h, w, C]
   */
  convNextBlock(name: string, x: tf.Tensor4D, modulation: Modulation): tf.Tensor4D {
    const { ops } = this.backend;
    const [B, h, w, C] = x.shape;
    const kernel = tf.reshape(this.get(`${name}.depthwise.weight`), [3, 3, C, 1]) as tf.Tensor4D;
    const mixed = tf.reshape(tf.depthwiseConv2d(x, kernel, 1, 'same'), [B, h * w, C]);
    const normed = this.norm(`${name}.norm`, mixed);
    const inner = ops.fusedLinear(normed, this.weight(`${name}.channelwise_linear_1`), { activation: 'gelu' });
    const gamma = this.get(`${name}.channelwise_norm.gamma`);
    const beta = this.get(`${name}.channelwise_norm.beta`);
    const responses = ops.responseNorm(inner as tf.Tensor3D, gamma, beta, RESPONSE_NORM_EPSILON); // f32 [B, S, F]
    const residual = tf.reshape(x, [B, h * w, C]);
    const y = ops.fusedLinear(responses, this.weight(`${name}.channelwise_linear_2`), { residual, modulation });
    return tf.reshape(y, x.shape) as tf.Tensor4D;
  }

  /** Two attentions to the text, none to itself. @param x f32 [B, h, w, C] */
  blockAttention(name: string, x: tf.Tensor4D, text: readonly [TextKeys, TextKeys], numHeads: number): tf.Tensor4D {
    const [B, h, w, C] = x.shape;
    let y: tf.Tensor = tf.reshape(x, [B, h * w, C]);
    text.forEach((keys, i) => {
      const queries = this.rmsNorm(`${name}.norm${i + 1}`, y, ATTENTION_NORM_EPSILON);
      y = this.attention(`${name}.attn${i + 1}`, y, queries, keys, numHeads);
    });
    return tf.reshape(y, x.shape);
  }

  /** x + attention(queries, text). @param queries f32 [B, S, width], normed @returns f32 [B, S, width] */
  attention(name: string, x: tf.Tensor, queries: tf.Tensor, { keys, values }: TextKeys, numHeads: number): tf.Tensor {
    const q = this.linear(`${name}.to_q`, queries) as tf.Tensor3D;
    const mixed = this.backend.ops.attention(q, keys, values, { numHeads });
    return this.addLinear(x, `${name}.to_out.0`, mixed);
  }

  /** x + attention of the normed states to themselves. @param normed f32 [B, S, width] */
  selfAttention(name: string, x: tf.Tensor, normed: tf.Tensor3D, numHeads: number): tf.Tensor {
    const weights = {
      query: this.weight(`${name}.to_q`),
      key: this.weight(`${name}.to_k`),
      value: this.weight(`${name}.to_v`),
    };
    return this.addLinear(x, `${name}.to_out.0`, this.backend.ops.selfAttention(normed, weights, { numHeads }));
  }

  /** x + linear(gated), gated = value·gelu(gate) of a linear map. @param input f32 [B, S, D] */
  gatedMlp(name: string, x: tf.Tensor, input: tf.Tensor): tf.Tensor {
    const inner = this.backend.ops.fusedLinear(input, this.weight(`${name}.net.0.proj`), { activation: 'geglu' });
    return this.addLinear(x, `${name}.net.2`, inner);
  }

  /** Half the side: each 2 × 2 patch to one. @param x f32 [B, h, w, C] */
  downsample(name: string, x: tf.Tensor4D): tf.Tensor4D {
    const normed = this.norm(`${name}.norm`, x) as tf.Tensor4D;
    const weight = this.get(`${name}.conv.weight`) as tf.Tensor4D; // f32 [2, 2, C, C]
    return this.backend.ops.conv2d(normed, weight, undefined, { stride: 2, padding: [0, 0, 0, 0] });
  }

  /** Twice the side: each place to a 2 × 2 patch, a transposed convolution. @param x f32 [B, h, w, C] */
  upsample(name: string, x: tf.Tensor4D): tf.Tensor4D {
    const [B, h, w, C] = x.shape;
    const normed = tf.reshape(this.norm(`${name}.norm`, x), [B * h * w, C]) as tf.Tensor2D;
    const weight = tf.reshape(this.get(`${name}.conv.weight`), [4 * C, C]) as tf.Tensor2D; // [row · column · out, in]
    const patches = tf.matMul(normed, weight, false, true); // f32 [B·h·w, 2·2·C]
    const rows = tf.transpose(tf.reshape(patches, [B * h, w, 2, 2 * C]), [0, 2, 1, 3]);
    return tf.reshape(rows, [B, 2 * h, 2 * w, C]);
  }

  norm(name: string, x: tf.Tensor): tf.Tensor {
    return this.rmsNorm(name, x, this.epsilon);
  }

  /** The norm before the MLP takes the mean off (`layer`), the others do not. @param x f32 [B, S, D] */
  modulatedNorm(name: string, x: tf.Tensor, kind: 'rms' | 'layer', modulation: Modulation): tf.Tensor3D {
    const gain = this.get(`${name}.norm.weight`) as tf.Tensor1D;
    const options = { kind, epsilon: this.epsilon, ...modulation };
    return this.backend.ops.modulatedNorm(x as tf.Tensor3D, gain, options);
  }

  /** residual + linear(x) */
  private addLinear(residual: tf.Tensor, name: string, x: tf.Tensor): tf.Tensor {
    return this.backend.ops.fusedLinear(x, this.weight(name), { residual });
  }

  private weight(name: string): tf.Tensor2D {
    return this.get(`${name}.weight`) as tf.Tensor2D;
  }

  linear(name: string, x: tf.Tensor): tf.Tensor {
    return this.backend.ops.linear(x, this.get(`${name}.weight`) as tf.Tensor2D);
  }

  /** A 1 × 1 convolution. @param x f32 [..., I] @returns f32 [..., O] */
  pointwise(name: string, x: tf.Tensor): tf.Tensor {
    const weight = this.get(`${name}.weight`) as tf.Tensor4D; // f32 [1, 1, I, O]
    const [, , I, O] = weight.shape;
    return this.backend.ops.linear(x, tf.reshape(weight, [I, O]));
  }

  get(name: string): tf.Tensor {
    const tensor = this.parameters.get(name);
    if (!tensor) {
      const place = { package: 'masked-transformer', in: 'forward' };
      throw new WeightError(place, `expected parameter ${name}, got none (disposed?)`);
    }
    return tensor;
  }

  private rmsNorm(name: string, x: tf.Tensor, epsilon: number): tf.Tensor {
    return this.backend.ops.rmsNorm(x, this.get(`${name}.weight`) as tf.Tensor1D, epsilon);
  }
}
