import { assertShape, type Backend, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { ClipStack } from './clipStack.js';
import type { ClipImageConfig } from './config.js';
import { clipImageParameters } from './parameters.js';

/** What the image tower makes of images. */
export interface ClipImageStates {
  /** States after the last layer, f32 [B, 1 + patches, D]; the first is the class token's. */
  readonly last: tf.Tensor3D;
  /** The images in the space that they share with texts, f32 [B, P]; not normalised. */
  readonly projected: tf.Tensor2D;
}

/**
 * CLIP's image tower (Radford et al. 2021, arXiv 2103.00020): a vision transformer over patches with a class token, whose
 * state, normed and projected, stands for the image.
 */
export class ClipImageEncoder {
  readonly #stack: ClipStack;

  /**
   * @param parameters tensors by name in memory layout; `dispose` frees them
   * @throws WeightError that names the parameters which are missing
   */
  constructor(
    readonly backend: Backend,
    readonly config: ClipImageConfig,
    readonly parameters: Parameters,
  ) {
    const missing = clipImageParameters(config).filter(({ name }) => !parameters.has(name));
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ');
      throw new WeightError(
        { package: 'clip-encoder', in: 'ClipImageEncoder' },
        `expected parameters ${names}, got none`,
      );
    }
    this.#stack = new ClipStack(backend, config, parameters, 'vision_model');
  }

  /**
   * States of images. The caller owns the tensors.
   *
   * @param pixels f32 [B, H, W, 3], H = W = `config.imageSize`, as `clipPixels` makes them
   * @throws ShapeError for another shape
   */
  forward(pixels: tf.Tensor4D): ClipImageStates {
    const { imageSize, patchSize, hiddenSize: D, numLayers } = this.config;
    const place = { package: 'clip-encoder', in: 'forward' };
    const { B } = assertShape(place, 'pixels', pixels, ['B', imageSize, imageSize, 3]) as { B: number };
    const stack = this.#stack;
    const { ops } = this.backend;
    return tf.tidy(() => {
      const kernel = stack.get('vision_model.embeddings.patch_embedding.weight') as tf.Tensor4D;
      const grid = ops.conv2d(pixels, kernel, undefined, { stride: patchSize, padding: [0, 0, 0, 0] });
      const patches = tf.reshape(grid, [B, -1, D]);
      const token = tf.reshape(stack.get('vision_model.embeddings.class_embedding'), [1, 1, D]);
      const positions = stack.get('vision_model.embeddings.position_embedding.weight'); // f32 [1 + patches, D]
      let x: tf.Tensor = tf.add(tf.concat([tf.tile(token, [B, 1, 1]), patches], 1), positions);
      x = stack.norm('vision_model.pre_layrnorm', x);
      for (let layer = 0; layer < numLayers; layer++) {
        const input = x;
        x = stack.layer(layer, input);
        input.dispose();
      }
      const pooled = stack.norm('vision_model.post_layernorm', tf.reshape(tf.slice(x, [0, 0, 0], [B, 1, D]), [B, D]));
      const projected = ops.linear(pooled, stack.get('visual_projection.weight') as tf.Tensor2D);
      return { last: x as tf.Tensor3D, projected: projected as tf.Tensor2D };
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }
}

/**
 * Cosines of images and texts, in [−1, 1]; 100 times the positive ones are CLIP scores (Hessel et al. 2021, arXiv
 * 2104.08718). The caller owns the result.
 *
 * @param images f32 [I, P] @param texts f32 [T, P]
 * @returns f32 [I, T]
 */
export function clipSimilarity(images: tf.Tensor2D, texts: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => {
    const normed = (x: tf.Tensor2D) => tf.div(x, tf.norm(x, 'euclidean', 1, true)) as tf.Tensor2D;
    return tf.matMul(normed(images), normed(texts), false, true) as tf.Tensor2D;
  });
}
