import { assertShape, type Backend, type Conv2dOptions, WeightError } from '@muse/backend';
import { loadComponentParameters, type ModelComponent, type Parameters } from '@muse/checkpoint';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { resolveSceneClassifierConfig, type SceneClassifierConfig } from './config.js';
import { type HeadName, headNames } from './heads.js';
import { STEM_KERNEL, sceneClassifierParameters } from './parameters.js';

/** Logits of each head, f32 [B, classes]. */
export type SceneLogits = Readonly<Record<HeadName, Tensor2D>>;

/**
 * A small convolutional network that says what an emoji scene shows. Trained on real renders, it judges generated
 * pictures; and its inner activations, with another seed, are the perceptual distance of the tokenizer's training.
 *
 * Stages of a convolution of stride 2, group norm and SiLU, with residual blocks (He et al. 2016, arXiv 1512.03385);
 * the last grid is read cell by cell, as its heads have to know what stands where.
 */
export class SceneClassifier {
  /** @param parameters read from the map at each call, so that training may replace them; disposed with the network */
  constructor(
    readonly backend: Backend,
    readonly config: SceneClassifierConfig,
    readonly parameters: Parameters,
  ) {}

  /**
   * @param images f32 [B, H, W, 3] in [0, 1], H = W = `imageSize`
   * @returns logits of all heads; differentiable; the caller disposes
   * @throws ShapeError
   */
  forward(images: Tensor4D): SceneLogits {
    const { imageSize } = this.config;
    assertShape({ package: 'evaluation', in: 'SceneClassifier.forward' }, 'images', images, [
      'B',
      imageSize,
      imageSize,
      3,
    ]);
    const { tf, ops } = this.backend;
    const [B] = images.shape;
    return tf.tidy(() => {
      const grid = this.features(images).at(-1)!; // f32 [B, h, w, C]
      const hidden = ops.silu(this.#linear('hidden', tf.reshape(grid, [B, -1])));
      const logits = headNames.map((head) => [head, this.#linear(`heads.${head}`, hidden)] as const);
      return Object.fromEntries(logits) as Record<HeadName, Tensor2D>;
    });
  }

  /**
   * Activations at the end of each stage: the `FeatureNetwork` of `@muse/vqgan`.
   *
   * @param images f32 [B, H, W, 3] in [0, 1], H and W multiples of 2 per stage
   * @returns f32 [B, H/2, W/2, C₀], [B, H/4, W/4, C₁], …; differentiable in the images; the caller disposes
   */
  features(images: Tensor4D): Tensor4D[] {
    const { tf } = this.backend;
    return tf.tidy(() => {
      const maps: Tensor4D[] = [];
      let x = tf.sub(tf.mul(images, 2), 1) as Tensor4D;
      for (let stage = 0; stage < this.config.stageChannels.length; stage++) {
        x = this.#stage(stage, x);
        maps.push(x);
      }
      return maps;
    });
  }

  /** Gives back the memory of the parameters. Twice does no harm. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  #stage(stage: number, input: Tensor4D): Tensor4D {
    const { tf, ops } = this.backend;
    const name = `stages.${stage}`;
    return tf.tidy(() => {
      // What PyTorch's padding = kernel >> 1 amounts to at stride 2: the last row and column of zeros are never reached.
      const before = (stage === 0 ? STEM_KERNEL : 3) >> 1;
      const padding = [before, before - 1, before, before - 1] as const;
      let x = ops.silu(this.#normConv(`${name}.conv`, `${name}.norm`, input, { stride: 2, padding })) as Tensor4D;
      for (let block = 0; block < this.config.blocksPerStage[stage]!; block++) {
        const prefix = `${name}.blocks.${block}`;
        const inner = ops.silu(this.#normConv(`${prefix}.conv1`, `${prefix}.norm1`, x)) as Tensor4D;
        x = ops.silu(tf.add(x, this.#normConv(`${prefix}.conv2`, `${prefix}.norm2`, inner))) as Tensor4D;
      }
      return x;
    });
  }

  #normConv(conv: string, norm: string, x: Tensor4D, options?: Conv2dOptions): Tensor4D {
    const { ops } = this.backend;
    const [weight, bias] = this.#pair<Tensor4D>(conv);
    const [gain, shift] = this.#pair<Tensor1D>(norm);
    return ops.groupNorm(ops.conv2d(x, weight, bias, options), gain, shift, this.config.normNumGroups);
  }

  #linear(name: string, x: Tensor): Tensor {
    const [weight, bias] = this.#pair<Tensor2D>(name);
    return this.backend.ops.linear(x, weight, bias);
  }

  #pair<W extends Tensor>(name: string): [weight: W, bias: Tensor1D] {
    return [this.#parameter(`${name}.weight`) as W, this.#parameter(`${name}.bias`) as Tensor1D];
  }

  #parameter(name: string): Tensor {
    const tensor = this.parameters.get(name);
    if (tensor) return tensor;
    throw new WeightError({ package: 'evaluation', in: 'SceneClassifier' }, `expected a tensor ${name}, got none`);
  }
}

/**
 * Loads a classifier: `config.json` and `model.safetensors`. The caller disposes it.
 *
 * @throws ConfigError for a config that is not of these scenes, WeightError for weights that do not fit it
 */
export async function loadSceneClassifier(backend: Backend, component: ModelComponent): Promise<SceneClassifier> {
  const config = resolveSceneClassifierConfig(component.config as Partial<SceneClassifierConfig>);
  const { name } = component;
  const parameters = await loadComponentParameters(backend, component, sceneClassifierParameters(config), { name });
  return new SceneClassifier(backend, config, parameters);
}
