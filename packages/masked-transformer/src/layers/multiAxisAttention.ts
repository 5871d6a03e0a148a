import type { Ops } from '@muse/backend';
import * as tf from '@tensorflow/tfjs';

/** A grid of side × side tokens, cut into blocks of blockSize × blockSize. */
export interface BlockedGrid {
  readonly side: number;
  /** Divides side. */
  readonly blockSize: number;
}

/**
 * Tokens row by row → block by block, each block row by row. What stands between, and treats every position alike, does
 * not notice.
 *
 * @param x f32 [B, side², D] @returns f32 [B, side², D]
 */
export function toBlocks(x: tf.Tensor3D, { side, blockSize }: BlockedGrid): tf.Tensor3D {
  const numBlocks = side / blockSize;
  // Row of blocks, row in the block, column of blocks, columns in the block beside their channels: rank 4 does.
  return swapMiddle(x, [numBlocks, blockSize, numBlocks, blockSize]);
}

/** Undoes {@link toBlocks}. */
export function fromBlocks(x: tf.Tensor3D, { side, blockSize }: BlockedGrid): tf.Tensor3D {
  const numBlocks = side / blockSize;
  return swapMiddle(x, [numBlocks, numBlocks, blockSize, blockSize]);
}

/** [B, a·b·c·d, D] → [B, a·c·b·d, D] */
function swapMiddle(x: tf.Tensor3D, [a, b, c, d]: [number, number, number, number]): tf.Tensor3D {
  const [B, , D] = x.shape;
  return tf.reshape(tf.transpose(tf.reshape(x, [B * a, b, c, d * D]), [0, 2, 1, 3]), x.shape);
}

export interface MultiAxisOptions {
  /** N, even. */
  readonly numHeads: number;
  /** Blocks of an image, G; each has P = S / G tokens. */
  readonly numBlocks: number;
}

/**
 * Multi-axis attention (Zhao et al. 2021, arXiv 2106.07631: the low-resolution stages of HiT): the first half of the heads
 * attends within each block, the second half across the blocks, to the tokens at the same place in each (a dilated grid).
 * Two layers of it connect any two tokens, at S·(P + G) scores per head pair in place of 2·S².
 *
 * HiT shares one key and one value among the heads; here each head has its own, as in the base model.
 *
 * @param q f32 [B, S, N·K], block by block as {@link toBlocks} makes it; k and v likewise
 * @returns f32 [B, S, N·K], block by block
 */
export function multiAxisAttention(
  ops: Ops,
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  { numHeads, numBlocks: G }: MultiAxisOptions,
): tf.Tensor3D {
  const [B, S, width] = q.shape;
  const P = S / G;
  const halves = [q, k, v].map((x) => tf.split(x, 2, 2));
  const attend = (half: number, arrange: (x: tf.Tensor) => tf.Tensor) => {
    const [queries, keys, values] = halves.map((parts) => arrange(parts[half]!) as tf.Tensor3D);
    return ops.attention(queries!, keys!, values!, { numHeads: numHeads / 2 });
  };
  const within = attend(0, (x) => tf.reshape(x, [B * G, P, width / 2])); // f32 [B·G, P, N·K/2]
  const across = attend(1, (x) => exchange(x, [B, G, P, width / 2])); // f32 [B·P, G, N·K/2]
  const parts = [within, exchange(across, [B, P, G, width / 2])];
  return tf.concat(
    parts.map((part) => tf.reshape(part, [B, S, width / 2])),
    2,
  ) as tf.Tensor3D;
}

/** → [B·P, G, C] of what is [B, G, P, C] in memory */
function exchange(x: tf.Tensor, [B, G, P, C]: [number, number, number, number]): tf.Tensor {
  return tf.reshape(tf.transpose(tf.reshape(x, [B, G, P, C]), [0, 2, 1, 3]), [B * P, G, C]);
}
