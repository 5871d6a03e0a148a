import * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.js';
import type { AttentionOptions } from './ops.js';

const MASKED_SCORE = -1e9;

/** @see Ops.attention — Vaswani et al. 2017, arXiv 1706.03762, section 3.2. */
export function attention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): tf.Tensor3D {
  const { numHeads, bias, keyMask } = options;
  const [B, , width] = q.shape;
  const scale = options.scale ?? 1 / Math.sqrt(width / numHeads);
  return differentiable({
    inputs: { q, k, v, bias },
    forward(save) {
      const queries = splitHeads(scaled(q, scale), numHeads); // f32 [B, N, S, K]
      const keys = splitHeads(k, numHeads); // f32 [B, N, T, K]
      const values = splitHeads(v, numHeads); // f32 [B, N, T, K]
      // bnsk,bntk->bnst as a matMul: tf.einsum would build [B, N, S, T, K].
      let scores = tf.matMul(queries, keys, false, true); // f32 [B, N, S, T]
      if (bias) scores = tf.add(scores, bias);
      if (keyMask) {
        const hidden = tf.mul(tf.sub(1, keyMask), MASKED_SCORE); // f32 [B, T]
        scores = tf.add(scores, tf.reshape(hidden, [B, 1, 1, -1]));
      }
      const weights = tf.softmax(scores); // f32 [B, N, S, T]
      const out = mergeHeads(tf.matMul(weights, values)); // f32 [B, S, N·K]
      if (!keyMask) {
        save([queries, keys, values, weights]);
        return out;
      }
      const seesAny = tf.reshape(tf.max(keyMask, 1), [B, 1, 1]); // f32: 0 for the images that may see no key at all
      // Saved, not captured: the caller may have let go of the mask when the gradient is computed.
      save([queries, keys, values, weights, seesAny]);
      return tf.mul(out, seesAny);
    },
    backward(dy, [queries, keys, values, weights, seesAny]) {
      const dMixed = splitHeads(seesAny ? tf.mul(dy, seesAny) : dy, numHeads); // f32 [B, N, S, K]
      // Softmax: dScores = weights·(dWeights − Σ_t dWeights·weights)
      const weighted = tf.mul(tf.matMul(dMixed, values!, false, true), weights!); // f32 [B, N, S, T]
      const dScores = tf.sub(weighted, tf.mul(weights!, tf.sum(weighted, -1, true)));
      return {
        q: () => scaled(mergeHeads(tf.matMul(dScores, keys!)), scale),
        k: () => mergeHeads(tf.matMul(dScores, queries!, true, false)),
        v: () => mergeHeads(tf.matMul(weights!, dMixed, true, false)),
        bias: () => sumToShape(dScores, bias!.shape),
      };
    },
  }) as tf.Tensor3D;
}

function scaled(x: tf.Tensor, scale: number): tf.Tensor {
  return scale === 1 ? x : tf.mul(x, scale);
}

/** [B, S, N·K] → [B, N, S, K] */
function splitHeads(x: tf.Tensor, numHeads: number): tf.Tensor4D {
  const [B, S, width] = x.shape as [number, number, number];
  return tf.transpose(tf.reshape(x, [B, S, numHeads, width / numHeads]), [0, 2, 1, 3]) as tf.Tensor4D;
}

/** [B, N, S, K] → [B, S, N·K] */
function mergeHeads(x: tf.Tensor): tf.Tensor3D {
  const [B, N, S, K] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, S, N * K]);
}

/** Undoes the broadcast of a bias: sums over the axes that it does not have or has at size 1. */
function sumToShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  const padded = [...Array<number>(x.rank - shape.length).fill(1), ...shape];
  const axes = padded.flatMap((size, axis) => (size === 1 && x.shape[axis] !== 1 ? [axis] : []));
  return tf.reshape(axes.length > 0 ? tf.sum(x, axes) : x, shape);
}
