import { type Backend, ConfigError } from '@muse/backend';
import { type Atlas, renderScene, sampleScene } from '@muse/emoji-scenes';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { type PsnrSummary, summarizePsnr } from './distances/psnr.js';

/** A tokenizer of images: `VQGAN` of `@muse/vqgan` is one. */
export interface ImageTokenizer {
  readonly config: { readonly codebookSize: number; readonly imageSize?: number };
  /** f32 [B, H, W, 3] in [0, 1] → i32 [B, h, w] */
  encode(images: Tensor4D): Tensor;
  /** i32 [B, h, w] → f32 [B, H, W, 3] */
  decode(tokenIds: Tensor3D): Tensor;
}

export interface ReconstructionOptions {
  readonly backend: Backend;
  readonly vqgan: ImageTokenizer;
  readonly atlas: Atlas;
  /** Held-out scenes. Default 500. */
  readonly count?: number;
  /** Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface ReconstructionReport extends PsnrSummary {
  /** Different codes among the tokens. */
  readonly codesUsed: number;
  readonly codebookSize: number;
  readonly count: number;
}

const BATCH = 20;

/**
 * How well a tokenizer gives back scenes of the held-out split, and how much of its codebook it uses for them.
 *
 * @throws ConfigError for a count that is not positive; the signal's reason
 */
export async function evaluateReconstruction(options: ReconstructionOptions): Promise<ReconstructionReport> {
  const { backend, vqgan, atlas, count = 500, seed = 0, signal } = options;
  if (!Number.isSafeInteger(count) || count < 1) {
    const place = { package: 'evaluation', in: 'evaluateReconstruction' };
    throw new ConfigError(place, `expected count to be a positive integer, got ${count}`);
  }
  const { codebookSize, imageSize = 64 } = vqgan.config;
  const errors: number[] = [];
  const codes = new Set<number>();
  for (let first = 0; first < count; first += BATCH) {
    signal?.throwIfAborted();
    const size = Math.min(BATCH, count - first);
    const values = new Float32Array(size * imageSize * imageSize * 3);
    for (let i = 0; i < size; i++) {
      const scene = sampleScene({ seed: seed * 2 ** 32 + first + i, split: 'heldOut' });
      values.set(renderScene(atlas, scene, imageSize), i * imageSize * imageSize * 3);
    }
    const batch = await reconstruct(backend, vqgan, values, [size, imageSize, imageSize, 3]);
    errors.push(...batch.errors);
    for (const code of batch.tokenIds) codes.add(code);
  }
  return { ...summarizePsnr(errors), codesUsed: codes.size, codebookSize, count };
}

/** Mean squared error of each image, and all tokens. */
async function reconstruct(
  backend: Backend,
  vqgan: ImageTokenizer,
  values: Float32Array,
  shape: [B: number, H: number, W: number, C: number],
) {
  const { tf } = backend;
  const [tokens, errors] = tf.tidy(() => {
    const images = tf.tensor4d(values, shape);
    const tokenIds = vqgan.encode(images);
    const decoded = tf.clipByValue(vqgan.decode(tokenIds as Tensor3D), 0, 1);
    return [tokenIds, tf.mean(tf.squaredDifference(decoded, images), [1, 2, 3])];
  });
  try {
    const data = { tokenIds: await tokens.data(), errors: [...(await errors.data())] };
    await backend.checkErrors();
    return data;
  } finally {
    tf.dispose([tokens, errors]);
  }
}
