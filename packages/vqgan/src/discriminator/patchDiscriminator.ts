import { assertShape, type Backend, ConfigError, ShapeError } from '@muse/backend';
import type { ParameterSpec, Parameters } from '@muse/checkpoint';
import type { Tensor4D } from '@tensorflow/tfjs';
import { conv, groupNorm, type Layer, type LayerContext, runLayers } from '../layers.js';
import { convParameters, normParameters } from '../parameters.js';
import { museStructure } from '../structure.js';

/** A PatchGAN: a score for each overlapping patch, 70 × 70 px with three layers. */
export interface PatchDiscriminatorConfig {
  /** Channels of the first convolution; doubled per layer up to eight times. */
  readonly channels: number;
  /** Convolutions of stride 2. */
  readonly numLayers: number;
  /** Groups of every group norm; divides `channels`. */
  readonly normNumGroups: number;
}

export const patchDiscriminatorPresets = {
  tiny: { channels: 6, numLayers: 2, normNumGroups: 3 },
  emoji: { channels: 32, numLayers: 3, normNumGroups: 8 },
  paper: { channels: 64, numLayers: 3, normNumGroups: 32 },
} as const satisfies Record<string, PatchDiscriminatorConfig>;

const KERNEL_SIZE = 4;
const PADDING = [1, 1, 1, 1] as const;
const NEGATIVE_SLOPE = 0.2;
const MAX_MULTIPLIER = 8;

/** Output channels of the convolutions before the last: stride 2 for `numLayers`, then one of stride 1. */
function widths({ channels, numLayers }: PatchDiscriminatorConfig): number[] {
  return Array.from({ length: numLayers + 1 }, (_, layer) => channels * Math.min(2 ** layer, MAX_MULTIPLIER));
}

/** @throws ConfigError naming the field, what it must be and what it is */
function validatePatchDiscriminatorConfig(config: PatchDiscriminatorConfig): void {
  const place = { package: 'vqgan', in: 'PatchDiscriminator' };
  for (const field of ['channels', 'numLayers', 'normNumGroups'] as const) {
    if (!Number.isInteger(config[field]) || config[field] < 1) {
      throw new ConfigError(place, `expected ${field} to be an integer of at least 1, got ${config[field]}`);
    }
  }
  if (config.channels % config.normNumGroups !== 0) {
    const expected = `expected channels to be a multiple of normNumGroups ${config.normNumGroups}`;
    throw new ConfigError(place, `${expected}, got ${config.channels}`);
  }
}

/** Logits along an axis of `size` pixels: each convolution gives ⌊(n + 2 − 4) / stride⌋ + 1. */
function numPatches({ numLayers }: PatchDiscriminatorConfig, size: number): number {
  let length = size;
  for (let layer = 0; layer < numLayers; layer++) length = Math.floor(length / 2);
  return length - 2; // two more of stride 1
}

/** Every tensor of a `PatchDiscriminator`. */
export function patchDiscriminatorParameters(config: PatchDiscriminatorConfig): ParameterSpec[] {
  validatePatchDiscriminatorConfig(config);
  const channels = widths(config);
  const specs = convParameters('conv_in', 3, channels[0]!, KERNEL_SIZE);
  for (let layer = 1; layer < channels.length; layer++) {
    specs.push(...convParameters(`layers.${layer - 1}.conv`, channels[layer - 1]!, channels[layer]!, KERNEL_SIZE));
    specs.push(...normParameters(`layers.${layer - 1}.norm`, channels[layer]!));
  }
  specs.push(...convParameters('conv_out', channels.at(-1)!, 1, KERNEL_SIZE));
  return specs;
}

/**
 * Tells real patches from reconstructed ones.
 *
 * Isola et al. 2017, arXiv 1611.07004, with the layers of taming-transformers; group norm in place of batch norm, so
 * that a score depends on its own image alone and nothing has to be kept between steps.
 */
export class PatchDiscriminator {
  readonly #context: LayerContext;

  /** @param parameters the tensors of `patchDiscriminatorParameters(config)`; owned from now on, see `dispose` */
  constructor(
    readonly backend: Backend,
    readonly config: PatchDiscriminatorConfig,
    readonly parameters: Parameters,
  ) {
    validatePatchDiscriminatorConfig(config);
    this.#context = { backend, parameters, normNumGroups: config.normNumGroups, structure: museStructure };
  }

  /**
   * @param images f32 [B, H, W, 3] in [0, 1], H and W at least 3 · 2^numLayers
   * @returns logits f32 [B, h, w, 1], above 0 for real; the caller disposes
   * @throws ShapeError
   */
  forward(images: Tensor4D): Tensor4D {
    const place = { package: 'vqgan', in: 'PatchDiscriminator.forward' };
    assertShape(place, 'images', images, ['B', 'H', 'W', 3]);
    const [, H, W] = images.shape;
    if (numPatches(this.config, Math.min(H, W)) < 1) {
      const smallest = 3 * 2 ** this.config.numLayers;
      throw new ShapeError(place, `expected H and W of at least ${smallest}, got ${H} × ${W}`);
    }
    const context = this.#context;
    const { tf } = this.backend;
    const leakyRelu: Layer = (x) => tf.leakyRelu(x, NEGATIVE_SLOPE) as Tensor4D;
    const layers: Layer[] = [
      // Centred here, as pixels are in [0, 1].
      (x) => tf.sub(tf.mul(x, 2), 1) as Tensor4D,
      (x) => conv(context, 'conv_in', x, { stride: 2, padding: PADDING }),
      leakyRelu,
    ];
    const { numLayers } = this.config;
    for (let layer = 0; layer < numLayers; layer++) {
      const stride = layer < numLayers - 1 ? 2 : 1;
      layers.push(
        (x) => conv(context, `layers.${layer}.conv`, x, { stride, padding: PADDING }),
        (x) => groupNorm(context, `layers.${layer}.norm`, x),
        leakyRelu,
      );
    }
    layers.push((x) => conv(context, 'conv_out', x, { padding: PADDING }));
    return runLayers(context, images, layers);
  }

  /** Frees every parameter. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }
}
