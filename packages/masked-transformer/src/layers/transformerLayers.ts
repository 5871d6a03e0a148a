import { type Backend, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { multiAxisAttention } from './multiAxisAttention.js';

/** Keys and values of a stack's cross-attention. */
export interface CrossAttentionContext {
  /** f32 [B, T, D] per layer */
  readonly keys: readonly tf.Tensor3D[];
  /** f32 [B, T, D] per layer */
  readonly values: readonly tf.Tensor3D[];
}

/**
 * The parts that the transformers are made of, each under the name of its parameters. They are read from the map at each
 * call, so they may be variables in training. None has a bias but the head; the caller tidies.
 */
export class TransformerLayers {
  constructor(
    readonly backend: Backend,
    readonly parameters: Parameters,
    readonly numHeads: number,
  ) {}

  /**
   * Codes and learned 2D positions (a row's embedding plus a column's) of a grid.
   *
   * @param prefix of the three tables' names
   * @param tokenIds i32 [B, side²], row by row
   * @returns f32 [B, side², D]
   */
  embedGrid(prefix: string, tokenIds: tf.Tensor2D): tf.Tensor3D {
    const table = (name: string) => this.get(`${prefix}${name}_embedding.weight`) as tf.Tensor2D;
    return this.backend.ops.embedGrid(tokenIds, {
      codes: table('token'),
      rows: table('row'),
      columns: table('column'),
    });
  }

  /**
   * Layers one after another. What one leaves behind is freed before the next: only the tape of a gradient keeps it.
   *
   * @param x f32 [B, S, D]; freed
   */
  stack(x: tf.Tensor, numLayers: number, layer: (x: tf.Tensor, index: number) => tf.Tensor): tf.Tensor {
    let y = x;
    for (let index = 0; index < numLayers; index++) {
      const before = y;
      y = tf.tidy(() => layer(before, index));
      before.dispose();
    }
    return y;
  }

  /** x + selfAttention(norm(x)): every position attends to all. @param x f32 [B, S, D] @returns f32 [B, S, D] */
  selfAttention(name: string, x: tf.Tensor): tf.Tensor {
    const input = this.norm(`${name}.norm`, x) as tf.Tensor3D;
    const weight = (part: string) => this.get(`${name}.${part}.weight`) as tf.Tensor2D;
    const weights = { query: weight('query'), key: weight('key'), value: weight('value') };
    const mixed = this.backend.ops.selfAttention(input, weights, { numHeads: this.numHeads }); // f32 [B, S, N·K]
    return this.addLinear(x, `${name}.output`, mixed);
  }

  /**
   * x + attention(norm(x)): half of the heads attend within blocks, the other half across.
   *
   * @param x f32 [B, S, D], block by block
   * @param numBlocks blocks of an image
   * @returns f32 [B, S, D]
   */
  multiAxisSelfAttention(name: string, x: tf.Tensor, numBlocks: number): tf.Tensor {
    const { q, k, v } = this.queriesKeysValues(name, x);
    const mixed = multiAxisAttention(this.backend.ops, q, k, v, { numHeads: this.numHeads, numBlocks });
    return this.addLinear(x, `${name}.output`, mixed);
  }

  /**
   * x + attention(norm(x), keys). Where no key may be seen it gives zeros, and without a bias zeros stay zeros: the
   * unconditional branch.
   *
   * @param x f32 [B, S, D] @param keys f32 [B, T, D] @param values f32 [B, T, D] @param keyMask f32 [B, T]
   * @returns f32 [B, S, D]
   */
  crossAttention(name: string, x: tf.Tensor, keys: tf.Tensor3D, values: tf.Tensor3D, keyMask: tf.Tensor2D): tf.Tensor {
    const queries = this.linear(`${name}.query`, this.norm(`${name}.norm`, x)) as tf.Tensor3D;
    const mixed = this.backend.ops.attention(queries, keys, values, { numHeads: this.numHeads, keyMask });
    return this.addLinear(x, `${name}.output`, mixed);
  }

  /** Keys and values that each of the layers makes of the same context. @param context f32 [B, T, D] */
  crossAttentionContext(context: tf.Tensor, numLayers: number): { keys: tf.Tensor3D[]; values: tf.Tensor3D[] } {
    const project = (part: string) =>
      Array.from(
        { length: numLayers },
        (_, layer) => this.linear(`layers.${layer}.cross_attention.${part}`, context) as tf.Tensor3D,
      );
    return { keys: project('key'), values: project('value') };
  }

  /** x + down(gelu(up(norm(x)))). @param x f32 [..., D] @returns f32 [..., D] */
  mlp(name: string, x: tf.Tensor): tf.Tensor {
    const up = this.get(`${name}.up.weight`) as tf.Tensor2D;
    const inner = this.backend.ops.fusedLinear(this.norm(`${name}.norm`, x), up, { activation: 'gelu' }); // f32 [..., F]
    return this.addLinear(x, `${name}.down`, inner);
  }

  /** Dense, GELU, norm, output: the head of BERT and MaskGIT. @param x f32 [..., D] @returns f32 [..., V] */
  head(x: tf.Tensor): tf.Tensor {
    const bias = this.get('head.dense.bias') as tf.Tensor1D;
    const weight = this.get('head.dense.weight') as tf.Tensor2D;
    const dense = this.backend.ops.fusedLinear(x, weight, { bias, activation: 'gelu' });
    return this.linear('head.output', this.norm('head.norm', dense), this.get('head.output.bias'));
  }

  norm(name: string, x: tf.Tensor): tf.Tensor {
    return this.backend.ops.layerNorm(x, this.get(`${name}.weight`) as tf.Tensor1D);
  }

  linear(name: string, x: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
    return this.backend.ops.linear(x, this.get(`${name}.weight`) as tf.Tensor2D, bias as tf.Tensor1D | undefined);
  }

  /** residual + linear(x) */
  private addLinear(residual: tf.Tensor, name: string, x: tf.Tensor): tf.Tensor {
    return this.backend.ops.fusedLinear(x, this.get(`${name}.weight`) as tf.Tensor2D, { residual });
  }

  private queriesKeysValues(name: string, x: tf.Tensor): { q: tf.Tensor3D; k: tf.Tensor3D; v: tf.Tensor3D } {
    const input = this.norm(`${name}.norm`, x);
    const project = (part: string) => this.linear(`${name}.${part}`, input) as tf.Tensor3D;
    return { q: project('query'), k: project('key'), v: project('value') };
  }

  private get(name: string): tf.Tensor {
    const tensor = this.parameters.get(name);
    if (!tensor) {
      const place = { package: 'masked-transformer', in: 'forward' };
      throw new WeightError(place, `expected parameter ${name}, got none (disposed?)`);
    }
    return tensor;
  }
}
