import { type Backend, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';

/** Of the norms in the blocks' attention: not the config's. */
const ATTENTION_NORM_EPSILON = 1e-6;
/** Of the global response norm. */
const RESPONSE_NORM_EPSILON = 1e-6;

/** What a condition does to normed states: x·scale + shift. Each f32 [B, 1, width]. */
export interface Modulation {
  readonly scale: tf.Tensor;
  readonly shift: tf.Tensor;
}

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
  convNextBlock(name: string, x: tf.Tensor4D, { scale, shift }: Modulation): tf.Tensor4D {
    const { ops } = this.backend;
    const [B, h, w, C] = x.shape;
    const kernel = tf.reshape(this.get(`${name}.depthwise.weight`), [3, 3, C, 1]) as tf.Tensor4D;
    const mixed = tf.reshape(tf.depthwiseConv2d(x, kernel, 1, 'same'), [B, h * w, C]);
    const inner = ops.gelu(this.linear(`${name}.channelwise_linear_1`, this.norm(`${name}.norm`, mixed)));
    const update = this.linear(`${name}.channelwise_linear_2`, this.responseNorm(`${name}.channelwise_norm`, inner));
    const y = tf.add(tf.reshape(x, [B, h * w, C]), update);
    return tf.reshape(tf.add(tf.mul(y, scale), shift), x.shape);
  }

  /**
   * Global response norm: each channel's length over the grid, relative to that of the others. x + γ·x·n + β.
   *
   * @param x f32 [B, S, F]
   */
  private responseNorm(name: string, x: tf.Tensor): tf.Tensor {
    const lengths = tf.sqrt(tf.sum(tf.square(x), 1, true)); // f32 [B, 1, F]
    const relative = tf.div(lengths, tf.add(tf.mean(lengths, 2, true), RESPONSE_NORM_EPSILON));
    const width = x.shape[2]!;
    const gamma = tf.reshape(this.get(`${name}.gamma`), [1, 1, width]);
    const beta = tf.reshape(this.get(`${name}.beta`), [1, 1, width]);
    return tf.add(tf.mul(x, tf.add(tf.mul(relative, gamma), 1)), beta);
  }

  /** Two attentions to the text, none to itself. @param x f32 [B, h, w, C] */
  blockAttention(name: string, x: tf.Tensor4D, text: readonly [TextKeys, TextKeys], numHeads: number): tf.Tensor4D {
    const [B, h, w, C] = x.shape;
    let y: tf.Tensor = tf.reshape(x, [B, h * w, C]);
    text.forEach((keys, i) => {
      const queries = this.rmsNorm(`${name}.norm${i + 1}`, y, ATTENTION_NORM_EPSILON);
      y = tf.add(y, this.attention(`${name}.attn${i + 1}`, queries, keys, numHeads));
    });
    return tf.reshape(y, x.shape);
  }

  /** @param queries f32 [B, S, width], normed @returns f32 [B, S, width] */
  attention(name: string, queries: tf.Tensor, { keys, values }: TextKeys, numHeads: number): tf.Tensor {
    const q = this.linear(`${name}.to_q`, queries) as tf.Tensor3D;
    return this.linear(`${name}.to_out.0`, this.backend.ops.attention(q, keys, values, { numHeads }));
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

  modulatedNorm(name: string, x: tf.Tensor, { scale, shift }: Modulation): tf.Tensor {
    return tf.add(tf.mul(this.norm(`${name}.norm`, x), scale), shift);
  }

  /** As `modulatedNorm`, but the mean is taken off: the norm before the MLP. */
  modulatedLayerNorm(name: string, x: tf.Tensor, { scale, shift }: Modulation): tf.Tensor {
    const gain = this.get(`${name}.norm.weight`) as tf.Tensor1D;
    const normed = this.backend.ops.layerNorm(x, gain, undefined, this.epsilon);
    return tf.add(tf.mul(normed, scale), shift);
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
