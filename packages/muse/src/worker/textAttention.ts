import type { Backend, Ops } from '@muse/backend';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';

/** How much each image token looks at each text token. */
export interface TextAttention {
  /** f32 [S·T], mean over heads and layers; each row sums to 1, or is 0 where there is no text. */
  readonly weights: Float32Array;
  readonly shape: readonly [S: number, T: number];
  /** The text's tokens as the tokenizer cut them, `▁` before a word; as many as are not padding. */
  readonly pieces: readonly string[];
}

/** Sums what is attended to while it is switched on. */
export interface AttentionWatch {
  /** The backend whose ops are watched: to be given to the model parts. */
  readonly backend: Backend;
  /**
   * Mean weights of the attentions over text that `forward` runs through; they are recognised by their mask of keys.
   *
   * @returns f32 [B, S, T], or undefined when there was none; the caller disposes it
   */
  watch(forward: () => void): Tensor3D | undefined;
}

/** A backend that can be looked into. Off, it costs a comparison per attention. */
export function watchAttention(backend: Backend): AttentionWatch {
  let sums: Tensor3D[] | undefined;
  const attention: Ops['attention'] = (q, k, v, options) => {
    const { keyMask, numHeads } = options;
    if (sums && keyMask) {
      // Kept: the forward tidies up after itself.
      sums.push(backend.tf.keep(backend.tf.tidy(() => attentionWeights(backend, q, k, keyMask, numHeads))));
    }
    return backend.ops.attention(q, k, v, options);
  };
  return {
    backend: { ...backend, ops: { ...backend.ops, attention } },
    watch(forward) {
      const { tf } = backend;
      sums = [];
      try {
        tf.tidy(forward);
        return sums.length === 0 ? undefined : (tf.tidy(() => tf.mean(tf.stack(sums!), 0)) as Tensor3D);
      } finally {
        tf.dispose(sums);
        sums = undefined;
      }
    },
  };
}

/**
 * softmax(q·kᵀ/√K) over the keys that may be seen, mean over heads.
 *
 * @param q f32 [B, S, N·K] @param k f32 [B, T, N·K] @param keyMask f32 [B, T]
 * @returns f32 [B, S, T]
 */
function attentionWeights({ tf }: Backend, q: Tensor3D, k: Tensor3D, keyMask: Tensor2D, numHeads: number): Tensor3D {
  const split = (x: Tensor3D) => {
    const [B, L, D] = x.shape;
    return tf.transpose(tf.reshape(x, [B, L, numHeads, D / numHeads]), [0, 2, 1, 3]); // f32 [B, N, L, K]
  };
  const [B, T] = keyMask.shape;
  const headDim = q.shape[2] / numHeads;
  const scores = tf.mul(tf.matMul(split(q), split(k), false, true), 1 / Math.sqrt(headDim)); // f32 [B, N, S, T]
  const mask = tf.reshape(keyMask, [B, 1, 1, T]);
  const hidden = tf.mul(tf.sub(1, mask), -1e9);
  // Where no key may be seen the softmax is even over all: the mask makes it zero.
  const weights = tf.mul(tf.softmax(tf.add(scores, hidden)), mask);
  return tf.mean(weights, 1) as Tensor3D;
}
