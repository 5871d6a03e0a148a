import * as tf from '@tensorflow/tfjs';
import { geglu, gelu, geluTanh, silu } from './activations.js';
import { attention } from './attention.js';
import { conv2d, upsampleNearest } from './conv.js';
import { crossEntropy } from './crossEntropy.js';
import { embedding, nearestCode } from './embedding.js';
import { groupNorm, layerNorm, rmsNorm } from './norms.js';
import type { Ops } from './ops.js';

function linear(x: tf.Tensor, weight: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor {
  return tf.tidy(() => {
    const [inSize, outSize] = weight.shape;
    // One 2D product: batched matMul is slow on wasm, and its gradient throws when the batch is broadcast.
    const rows = tf.matMul(tf.reshape(x, [-1, inSize]) as tf.Tensor2D, weight); // f32 [M, O]
    const out = tf.reshape(rows, [...x.shape.slice(0, -1), outSize]);
    return bias ? tf.add(out, bias) : out;
  });
}

/** Every op in plain tfjs: what the other implementations are measured against. */
export const referenceOps: Ops = {
  linear,
  attention,
  layerNorm,
  rmsNorm,
  groupNorm,
  gelu,
  geluTanh,
  geglu,
  silu,
  conv2d,
  upsampleNearest,
  embedding,
  nearestCode,
  crossEntropy,
};
