import { assertShape, type Backend, type ErrorPlace, ShapeError, WeightError } from '@muse/backend';
import type { ParameterSpec, Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { TransformerLayers } from './layers/transformerLayers.js';

/** What a prompt's text becomes for a transformer. */
export interface Conditioning {
  /** f32 [B, T, textDim] */
  readonly textEmbeds: tf.Tensor3D;
  /** f32 [B, T], 1 = token, 0 = padding. A row of zeros is the unconditional branch. */
  readonly textMask: tf.Tensor2D;
}

export interface MaskedTokenModelConfig {
  readonly latentSize: number;
  readonly codebookSize: number;
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly textDim: number;
  readonly condDropProb: number;
  readonly labelSmoothing: number;
}

const place = (where: string): ErrorPlace => ({ package: 'masked-transformer', in: where });

/**
 * What the base and the super-resolution transformer are to a sampler and to training: from a grid of tokens, some of them
 * masked, and what they are conditioned on, the logits of every position's code.
 */
export abstract class MaskedTokenModel<
  Config extends MaskedTokenModelConfig,
  Given extends Conditioning,
  Prepared extends { readonly textMask: tf.Tensor2D },
> {
  /** The id that stands for “not known yet”: V. */
  readonly maskTokenId: number;
  /** Tokens per image, S. */
  readonly seqLen: number;
  protected readonly layers: TransformerLayers;

  /**
   * @param name of the class, for messages: minifiers change the real one
   * @param parameters tensors by name in memory layout, read at each call (so they may be variables in training);
   * `dispose` frees them
   * @param specs what must be there
   * @throws WeightError that names the parameters which are missing
   */
  constructor(
    name: string,
    readonly backend: Backend,
    readonly config: Config,
    readonly parameters: Parameters,
    specs: readonly ParameterSpec[],
  ) {
    this.maskTokenId = config.codebookSize;
    this.seqLen = config.latentSize ** 2;
    this.layers = new TransformerLayers(backend, parameters, config.numHeads);
    const missing = specs.map((spec) => spec.name).filter((needed) => !parameters.has(needed));
    if (missing.length > 0) {
      throw new WeightError(place(name), `expected parameters ${missing.join(', ')}, got none`);
    }
  }

  /** The part of the work that does not depend on the tokens: once per prompt, not once per step. The caller disposes it. */
  abstract prepare(given: Given): Prepared;

  /**
   * The states below the head, normed. Training takes the head of some positions only. The caller owns the result.
   *
   * @param tokenIds as in `forward`
   * @returns f32 [B, S, D]
   */
  abstract hiddenStates(tokenIds: tf.Tensor2D, prepared: Prepared): tf.Tensor3D;

  /**
   * Logits of every position, or of some. The caller owns the result.
   *
   * @param tokenIds i32 [B, S], row by row over the grid, in [0, V]; V is the mask
   * @param positions i32 [B, M] in [0, S): whose logits are wanted
   * @returns f32 [B, S, V], or [B, M, V]
   * @throws ShapeError if the ids are not [B, S] with the B of `prepared`
   */
  forward(tokenIds: tf.Tensor2D, prepared: Prepared, positions?: tf.Tensor2D): tf.Tensor3D {
    return tf.tidy(() => {
      const states = this.hiddenStates(tokenIds, prepared);
      return this.head(positions ? tf.gather(states, positions, 1, 1) : states) as tf.Tensor3D;
    });
  }

  /**
   * States to logits: dense, GELU, norm, output (the head of BERT and MaskGIT). The caller owns the result.
   *
   * @param x f32 [..., D]
   * @returns f32 [..., V]
   */
  head(x: tf.Tensor): tf.Tensor {
    return tf.tidy(() => this.layers.head(x));
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  /** @returns B, T @throws ShapeError if embeddings and mask do not fit each other or the configuration */
  protected checkText({ textEmbeds, textMask }: Conditioning): { B: number; T: number } {
    const { B, T } = assertShape(place('prepare'), 'textEmbeds', textEmbeds, ['B', 'T', this.config.textDim]);
    assertShape(place('prepare'), 'textMask', textMask, [B!, T!]);
    return { B: B!, T: T! };
  }

  protected checkTokenIds(where: string, name: string, tokenIds: tf.Tensor2D, shape: [B: number, S: number]): void {
    assertShape(place(where), name, tokenIds, shape);
    if (tokenIds.dtype !== 'int32') {
      throw new ShapeError(place(where), `expected ${name} of int32, got ${tokenIds.dtype}`);
    }
  }
}
