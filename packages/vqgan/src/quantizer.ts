import type { Backend } from '@muse/backend';
import type { GradSaveFunc, Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';

/** Most elements of a distance matrix [M, V] in memory at once: 64 MB of f32. */
const MAX_DISTANCES = 2 ** 24;

export interface Quantized {
  /** i32 [B, h, w] in [0, V). */
  readonly tokenIds: Tensor;
  /** The codes of `tokenIds`, f32 [B, h, w, E]. */
  readonly quantized: Tensor4D;
}

/**
 * The nearest code of each latent, in chunks of rows so that a large codebook does not need a large matrix at once.
 * Not differentiable, and off the tape: a gradient passes by it (`straightThrough`), never through it.
 *
 * @param latents f32 [B, h, w, E]
 * @param codebook f32 [V, E]
 * @returns both owned by the caller
 */
export function quantize(backend: Backend, latents: Tensor4D, codebook: Tensor2D): Quantized {
  const { tf } = backend;
  const [B, h, w, E] = latents.shape;
  let tokenIds: Tensor | undefined;
  // Inside customGrad nothing is recorded: argMin has no gradient and that of gather by integer ids throws.
  const detached = tf.customGrad((...inputs: (Tensor | GradSaveFunc)[]) => {
    const [z] = inputs as [Tensor];
    const rows = tf.reshape(z, [-1, E]) as Tensor2D; // f32 [M, E]
    const ids = nearestCodes(backend, rows, codebook); // i32 [M]
    tokenIds = tf.keep(tf.reshape(ids, [B, h, w]));
    const value = tf.reshape(tf.gather(codebook, ids), latents.shape);
    return { value, gradFunc: () => tf.zeros(latents.shape) };
  });
  const quantized = detached(latents) as Tensor4D;
  return { tokenIds: adopt(backend, tokenIds!), quantized };
}

/** A kept tensor handed to the scope of the caller, so that `tf.tidy` around the call frees it as usual. */
function adopt(backend: Backend, kept: Tensor): Tensor {
  const owned = backend.tf.reshape(kept, kept.shape);
  kept.dispose();
  return owned;
}

/**
 * @param rows f32 [M, E]
 * @param codebook f32 [V, E]
 * @param maxDistances elements of a distance matrix in memory at once
 * @returns i32 [M]
 */
export function nearestCodes(
  backend: Backend,
  rows: Tensor2D,
  codebook: Tensor2D,
  maxDistances = MAX_DISTANCES,
): Tensor1D {
  const { tf, ops } = backend;
  const numRows = rows.shape[0];
  const chunkSize = Math.max(1, Math.floor(maxDistances / codebook.shape[0]));
  if (numRows <= chunkSize) return ops.nearestCode(rows, codebook);
  const chunks: Tensor1D[] = [];
  for (let start = 0; start < numRows; start += chunkSize) {
    const size = Math.min(chunkSize, numRows - start);
    chunks.push(tf.tidy(() => ops.nearestCode(tf.slice(rows, [start, 0], [size, rows.shape[1]]), codebook)));
  }
  return tf.concat(chunks) as Tensor1D;
}

/**
 * The value of `quantized` with the gradient of the identity in `latents`: z + sg(z_q − z).
 *
 * @param latents f32 [B, h, w, E]
 * @param quantized f32 [B, h, w, E], gets no gradient
 * @see van den Oord et al. 2017, arXiv 1711.00937, section 3.2
 */
export function straightThrough(backend: Backend, latents: Tensor4D, quantized: Tensor4D): Tensor4D {
  const { tf } = backend;
  const pass = tf.customGrad(() => ({
    value: tf.clone(quantized),
    gradFunc: (dy: Tensor) => dy,
  }));
  return pass(latents) as Tensor4D;
}

/**
 * Commitment loss: mean (z − sg(z_q))², which pulls the encoder to its codes.
 *
 * @param latents f32 [B, h, w, E]
 * @param quantized f32 [B, h, w, E], gets no gradient
 */
export function commitmentLoss(backend: Backend, latents: Tensor4D, quantized: Tensor4D): Scalar {
  const { tf } = backend;
  return tf.tidy(() => tf.mean(tf.square(tf.sub(latents, quantized))) as Scalar);
}

/**
 * Codebook loss: mean (sg(z) − e)², which pulls the codes to the encoder's outputs where no EMA does it.
 *
 * @param codebook f32 [V, E], gets the gradient
 * @param latents f32 [B, h, w, E], gets none
 * @param tokenIds i32 [B, h, w]
 */
export function codebookLoss(backend: Backend, codebook: Tensor2D, latents: Tensor4D, tokenIds: Tensor): Scalar {
  const { tf, ops } = backend;
  const loss = tf.customGrad((...inputs: (Tensor | GradSaveFunc)[]) => {
    const [codes, save] = inputs as [Tensor2D, GradSaveFunc];
    const [V, E] = codes.shape;
    const ids = tf.reshape(tokenIds, [-1]) as Tensor1D;
    const error = tf.sub(ops.embedding(codes, ids), tf.reshape(latents, [-1, E])); // f32 [M, E]
    save([error, ids]);
    return {
      value: tf.mean(tf.square(error)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [difference, rows] = saved as [Tensor2D, Tensor1D];
        return tf.unsortedSegmentSum(tf.mul(difference, tf.mul(dy, 2 / difference.size)), rows, V);
      },
    };
  });
  return loss(codebook) as Scalar;
}
