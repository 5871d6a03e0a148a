import { assertShape, type Backend, ShapeError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { downsampleFactorOf, type VQGANConfig } from './config.js';
import { decoderLevels, runDecoderHead } from './decoder.js';
import { encoderLevels } from './encoder.js';
import { type Layer, type LayerContext, parameter, runLayers } from './layers.js';
import { CODEBOOK } from './parameters.js';
import { type Quantized, quantize, straightThrough } from './quantizer.js';
import { museStructure } from './structure.js';

/** Everything that a training step needs of one pass; the caller disposes every tensor. */
export interface Reconstruction extends Quantized {
  /** Encoder outputs z, f32 [B, h, w, E]. */
  readonly latents: Tensor4D;
  /** Pixels, f32 [B, H, W, 3], not clipped; the gradient goes straight through the quantizer. */
  readonly reconstructed: Tensor4D;
}

/**
 * A part of the network. The input is the caller's to dispose, as is the result.
 *
 * @param isOwned whether the part may dispose its input before it ends, which at the end of a decoder is the largest tensor of all
 */
export type VQGANPart = (x: Tensor, isOwned?: boolean) => Tensor;

/**
 * The tokenizer of Muse: images to a grid of token ids and back, fully convolutional, so any height and width that are
 * multiples of `downsampleFactor` will do.
 *
 * Pixels are in [0, 1] outside, and inside unless the structure says otherwise (taming-transformers feeds [−1, 1]; aMUSEd
 * [0, 1], and its VQModel loads as it is). Parameters are read from the map at each call: for training, put variables there.
 *
 * @see Chang et al. 2023, arXiv 2301.00704, section 2.2; Esser et al. 2021, arXiv 2012.09841
 */
export class VQGAN {
  /** Pixels per token along each axis. */
  readonly downsampleFactor: number;
  readonly #context: LayerContext;

  /** @param parameters the tensors of `vqganParameters(config)`; owned by the model from now on, see `dispose` */
  constructor(
    readonly backend: Backend,
    readonly config: VQGANConfig,
    readonly parameters: Parameters,
  ) {
    this.downsampleFactor = downsampleFactorOf(config);
    const { structure = museStructure } = config;
    this.#context = { backend, parameters, normNumGroups: config.normNumGroups, structure };
  }

  /**
   * @param images f32 [B, H, W, 3] in [0, 1], H and W multiples of `downsampleFactor`
   * @returns i32 [B, h, w]; the caller disposes
   * @throws ShapeError
   */
  encode(images: Tensor4D): Tensor {
    this.#checkImages('encode', images);
    return this.#runParts(images, this.encodeParts());
  }

  /**
   * @param tokenIds i32 [B, h, w] in [0, V)
   * @returns f32 [B, H, W, 3] in [0, 1]; the caller disposes
   * @throws ShapeError
   */
  decode(tokenIds: Tensor): Tensor4D {
    const place = { package: 'vqgan', in: 'decode' };
    assertShape(place, 'tokenIds', tokenIds, ['B', 'h', 'w']);
    if (tokenIds.dtype !== 'int32') throw new ShapeError(place, `expected tokenIds int32, got ${tokenIds.dtype}`);
    return this.#runParts(tokenIds, this.decodeParts()) as Tensor4D;
  }

  /**
   * `encode` in parts, one for each resolution: the first takes images, each of the others what the last one gave, the last gives token ids.
   * A device frees what a part has used when it has computed it: who waits for it between parts needs less of its memory.
   */
  encodeParts(): readonly VQGANPart[] {
    const levels = encoderLevels(this.#context, this.config);
    return levels.map((layers, level) => (x, isOwned) => {
      const last: Layer[] =
        level === levels.length - 1 ? [(latents) => this.quantize(latents).tokenIds as Tensor4D] : [];
      return runLayers(this.#context, x as Tensor4D, [...layers, ...last], isOwned);
    });
  }

  /** `decode` in parts, as `encodeParts`: from token ids to images. */
  decodeParts(): readonly VQGANPart[] {
    const { tf, ops } = this.backend;
    const levels = decoderLevels(this.#context, this.config);
    return levels.map((layers, level) => (x, isOwned) => {
      const first: Layer[] = level === 0 ? [(ids) => ops.embedding(this.codebook, ids) as Tensor4D] : [];
      const last: Layer[] =
        level === levels.length - 1 ? [(hidden) => tf.clipByValue(this.decodeHidden(hidden), 0, 1) as Tensor4D] : [];
      return runLayers(this.#context, x as Tensor4D, [...first, ...layers, ...last], isOwned);
    });
  }

  /** Encoder outputs before the quantizer. @param images f32 [B, H, W, 3] @returns z f32 [B, h, w, E] */
  encodeLatents(images: Tensor4D): Tensor4D {
    this.#checkImages('encodeLatents', images);
    return runLayers(this.#context, images, encoderLevels(this.#context, this.config).flat());
  }

  /** Pixels of quantized latents, not clipped. @param quantized f32 [B, h, w, E] @returns f32 [B, H, W, 3] */
  decodeLatents(quantized: Tensor4D): Tensor4D {
    return this.backend.tf.tidy(() => this.decodeHidden(this.decodeToHidden(quantized)));
  }

  /** Nearest codes, without gradient. @param latents f32 [B, h, w, E] */
  quantize(latents: Tensor4D): Quantized {
    assertShape({ package: 'vqgan', in: 'quantize' }, 'latents', latents, ['B', 'h', 'w', this.config.codebookDim]);
    return quantize(this.backend, latents, this.codebook);
  }

  /** Encoder, quantizer, decoder, differentiable in every parameter but the codebook. @param images f32 [B, H, W, 3] */
  reconstruct(images: Tensor4D): Reconstruction {
    const latents = this.encodeLatents(images);
    const { tokenIds, quantized } = this.quantize(latents);
    const passed = straightThrough(this.backend, latents, quantized);
    const reconstructed = this.decodeLatents(passed);
    passed.dispose();
    return { latents, tokenIds, quantized, reconstructed };
  }

  /** The decoder up to its last convolution. @param quantized f32 [B, h, w, E] @returns f32 [B, H, W, C] */
  decodeToHidden(quantized: Tensor4D): Tensor4D {
    const place = { package: 'vqgan', in: 'decodeLatents' };
    assertShape(place, 'quantized', quantized, ['B', 'h', 'w', this.config.codebookDim]);
    return runLayers(this.#context, quantized, decoderLevels(this.#context, this.config).flat());
  }

  /** The decoder's last convolution. @param hidden f32 [B, H, W, C] @returns f32 [B, H, W, 3] */
  decodeHidden(hidden: Tensor4D): Tensor4D {
    return runDecoderHead(this.#context, hidden);
  }

  /** f32 [V, E], owned by the model. */
  get codebook(): Tensor2D {
    return parameter<Tensor2D>(this.#context, CODEBOOK);
  }

  /** Frees every parameter. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  #runParts(input: Tensor, parts: readonly VQGANPart[]): Tensor {
    return runLayers(this.#context, input as Tensor4D, parts as readonly Layer[]);
  }

  #checkImages(method: string, images: Tensor4D): void {
    const place = { package: 'vqgan', in: method };
    assertShape(place, 'images', images, ['B', 'H', 'W', 3]);
    const [, H, W] = images.shape;
    const factor = this.downsampleFactor;
    if (H % factor !== 0 || W % factor !== 0 || H === 0 || W === 0) {
      throw new ShapeError(place, `expected H and W to be multiples of ${factor}, got ${H} × ${W}`);
    }
  }
}
