import * as tf from '@tensorflow/tfjs';
import type { AttentionOptions } from './ops.js';

const MASKED_SCORE = -1e9;

/** @see Ops.attention */
export function attention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): tf.Tensor3D {
  return tf.tidy(() => {
    const { numHeads, bias, keyMask } = options;
    const [B, S, width] = q.shape;
    const scale = options.scale ?? 1 / Math.sqrt(width / numHeads);
    const queries = splitHeads(scale === 1 ? q : tf.mul(q, scale), numHeads); // f32 [B, N, S, K]
    const keys = splitHeads(k, numHeads); // f32 [B, N, T, K]
    const values = splitHeads(v, numHeads); // f32 [B, N, T, K]
    // bnsk,bntk->bnst as a matMul: tf.einsum would build [B, N, S, T, K].
    let scores = tf.matMul(queries, keys, false, true); // f32 [B, N, S, T]
    if (bias) scores = tf.add(scores, bias);
    if (keyMask) {
      const hidden = tf.mul(tf.sub(1, keyMask), MASKED_SCORE); // f32 [B, T]
      scores = tf.add(scores, tf.expandDims(tf.expandDims(hidden, 1), 1));
    }
    const weights = tf.softmax(scores); // f32 [B, N, S, T]
    const mixed = tf.matMul(weights, values); // f32 [B, N, S, K]
    const out = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B, S, width]) as tf.Tensor3D;
    if (!keyMask) return out;
    const seesAny = tf.reshape(tf.max(keyMask, 1), [B, 1, 1]); // f32 [B, 1, 1]
    return tf.mul(out, seesAny) as tf.Tensor3D;
  });
}

/** [B, S, N·K] → [B, N, S, K] */
function splitHeads(x: tf.Tensor, numHeads: number): tf.Tensor4D {
  const [B, S, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [B, S, numHeads, width / numHeads]), [0, 2, 1, 3]) as tf.Tensor4D;
}
