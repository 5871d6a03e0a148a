import type { Backend } from '@muse/backend';
import * as tf from '@tensorflow/tfjs';
import type { T5Config } from './config.js';
import { positionBiasName } from './parameters.js';
import { relativePositionBuckets } from './relativePosition.js';

/** What the layers need besides their input. Whether weights lie on the device for good or come block by block is the giver's. */
export interface LayerContext {
  readonly backend: Backend;
  readonly config: T5Config;
  /** A norm's gain or a table, by its name. */
  get(name: string): tf.Tensor;
  /** x · Wᵀ for the matrix of that name, [out, in] in the file. @param x f32 [..., in] @returns f32 [..., out] */
  linear(x: tf.Tensor, name: string): tf.Tensor;
}

/** Per query and key the learned number of their distance, for all blocks. @returns f32 [1, N, T, T] */
export function positionBias({ backend, config, get }: LayerContext, seqLen: number): tf.Tensor4D {
  const { relativeAttentionNumBuckets, relativeAttentionMaxDistance } = config;
  return tf.tidy(() => {
    const buckets = relativePositionBuckets(seqLen, relativeAttentionNumBuckets, relativeAttentionMaxDistance);
    const table = get(positionBiasName) as tf.Tensor2D; // f32 [buckets, N]
    // By an embedding lookup, so that the table gets its gradient.
    const perPair = backend.ops.embedding(table, tf.tensor2d(buckets, [seqLen, seqLen], 'int32')); // f32 [T, T, N]
    return tf.expandDims(tf.transpose(perPair, [2, 0, 1]), 0) as tf.Tensor4D;
  });
}

/**
 * One block: x += attention(rmsNorm(x)), x += feedForward(rmsNorm(x)).
 *
 * @param x f32 [B, T, D]
 * @param bias f32 [1, N, T, T]
 * @param mask f32 [B, T], 1 = token; none if all are
 */
export function encoderBlock(
  context: LayerContext,
  layer: number,
  x: tf.Tensor3D,
  bias: tf.Tensor4D,
  mask?: tf.Tensor2D,
): tf.Tensor3D {
  const block = `encoder.block.${layer}.layer`;
  return tf.tidy(() => {
    const attentionInput = rmsNorm(context, `${block}.0.layer_norm.weight`, x);
    const attended = tf.add(x, selfAttention(context, `${block}.0.SelfAttention`, attentionInput, bias, mask));
    const feedForwardInput = rmsNorm(context, `${block}.1.layer_norm.weight`, attended);
    return tf.add(attended, feedForward(context, `${block}.1.DenseReluDense`, feedForwardInput)) as tf.Tensor3D;
  });
}

/** What comes after the last block. @param x f32 [B, T, D] */
export function finalNorm(context: LayerContext, x: tf.Tensor3D): tf.Tensor3D {
  return rmsNorm(context, 'encoder.final_layer_norm.weight', x) as tf.Tensor3D;
}

function rmsNorm({ backend, config, get }: LayerContext, name: string, x: tf.Tensor): tf.Tensor {
  return backend.ops.rmsNorm(x, get(name) as tf.Tensor1D, config.layerNormEpsilon);
}

/** Scores are q·kᵀ + position bias, not divided by √K. @param x f32 [B, T, D] */
function selfAttention(
  { backend, config, linear }: LayerContext,
  name: string,
  x: tf.Tensor,
  bias: tf.Tensor4D,
  mask?: tf.Tensor2D,
): tf.Tensor {
  const project = (part: string) => linear(x, `${name}.${part}.weight`) as tf.Tensor3D;
  const options = { numHeads: config.numHeads, scale: 1, bias, ...(mask && { keyMask: mask }) };
  const mixed = backend.ops.attention(project('q'), project('k'), project('v'), options); // f32 [B, T, N·K]
  return linear(mixed, `${name}.o.weight`);
}

/** @param x f32 [B, T, D] */
function feedForward(context: LayerContext, name: string, x: tf.Tensor): tf.Tensor {
  const project = (input: tf.Tensor, part: string) => context.linear(input, `${name}.${part}.weight`);
  const inner = context.config.isGated
    ? tf.mul(activate(context, project(x, 'wi_0')), project(x, 'wi_1')) // f32 [B, T, F]
    : activate(context, project(x, 'wi'));
  return project(inner, 'wo');
}

function activate({ backend, config }: LayerContext, x: tf.Tensor): tf.Tensor {
  const { activation } = config;
  switch (activation) {
    case 'relu':
      return tf.relu(x);
    case 'gelu':
      return backend.ops.gelu(x);
    case 'gelu_new':
      return backend.ops.geluTanh(x);
    case 'silu':
      return backend.ops.silu(x);
    default:
      return activation satisfies never;
  }
}
