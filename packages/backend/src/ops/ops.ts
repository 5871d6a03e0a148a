import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';

import type { DecideTensors } from './decideTokens.js';
import type { NoiseTensors } from './randomNumbers.js';

/**
 * The operations that the model parts are written in. Each has a reference in plain tfjs that runs on every device;
 * a device may override one by a faster kernel, and the conformance suite holds them together.
 *
 * None disposes its inputs; the caller owns the result (inside `tf.tidy` as usual). All are differentiable in their
 * float inputs unless said otherwise.
 */
export interface Ops extends BasicOps, ComposedOps {}

/** Those with an implementation of their own everywhere. */
export interface BasicOps {
  /** `x · weight + bias`. @param x f32 [..., I] @param weight f32 [I, O] @param bias f32 [O] @returns f32 [..., O] */
  linear(x: Tensor, weight: Tensor2D, bias?: Tensor1D): Tensor;

  /**
   * Scaled dot-product attention, softmax(q·kᵀ·scale + bias)·v per head.
   *
   * @param q f32 [B, S, N·K]
   * @param k f32 [B, T, N·K]
   * @param v f32 [B, T, N·K]
   * @returns f32 [B, S, N·K]
   */
  attention(q: Tensor3D, k: Tensor3D, v: Tensor3D, options: AttentionOptions): Tensor3D;

  /** Layer norm over the last axis. @param x f32 [..., D] @param weight f32 [D] @param bias f32 [D] */
  layerNorm(x: Tensor, weight: Tensor1D, bias?: Tensor1D, epsilon?: number): Tensor;

  /** Root-mean-square norm over the last axis (T5): x / √(mean x² + ε) · weight. @param x f32 [..., D] */
  rmsNorm(x: Tensor, weight: Tensor1D, epsilon?: number): Tensor;

  /** Group norm, channels last. @param x f32 [B, H, W, C] @param weight f32 [C] @param bias f32 [C] */
  groupNorm(x: Tensor4D, weight: Tensor1D, bias: Tensor1D, numGroups: number, epsilon?: number): Tensor4D;

  /** GELU with the Gaussian distribution function: x·Φ(x). */
  gelu(x: Tensor): Tensor;

  /** GELU by its tanh approximation (T5 v1.1's `gelu_new`). */
  geluTanh(x: Tensor): Tensor;

  /** First half of the last axis times exact GELU of the second half. @param x f32 [..., 2F] @returns f32 [..., F] */
  geglu(x: Tensor): Tensor;

  /** x·sigmoid(x), also called swish. */
  silu(x: Tensor): Tensor;

  /** 2D convolution. @param x f32 [B, H, W, I] @param weight f32 [kh, kw, I, O] @param bias f32 [O] */
  conv2d(x: Tensor4D, weight: Tensor4D, bias?: Tensor1D, options?: Conv2dOptions): Tensor4D;

  /** Each pixel repeated `scale` times along height and width. @param x f32 [B, H, W, C] */
  upsampleNearest(x: Tensor4D, scale: number): Tensor4D;

  /** Rows of a table. @param table f32 [V, D] @param ids i32 [...] in [0, V) @returns f32 [..., D] */
  embedding(table: Tensor2D, ids: Tensor): Tensor;

  /** Index of the code at the least squared distance. Not differentiable. @param x f32 [M, E] @param codebook f32 [V, E] @returns i32 [M] */
  nearestCode(x: Tensor2D, codebook: Tensor2D): Tensor1D;

  /**
   * Cross-entropy per row with label smoothing: (1−ε)·(−log p_label) + ε·mean_v(−log p_v).
   *
   * @param logits f32 [M, V]
   * @param labels i32 [M]
   * @returns f32 [M]
   */
  crossEntropy(logits: Tensor2D, labels: Tensor1D, labelSmoothing?: number): Tensor1D;
}

/**
 * Several basic ops in one, as layers follow each other: what a device can do in one pass over memory. Everywhere else they
 * are composed of the basic ones.
 */
export interface ComposedOps {
  /**
   * `linear` and what follows it: y = activation(x·weight + bias); y = residual + y; y = y·scale + shift.
   *
   * @param x f32 [..., I]
   * @param weight f32 [I, O]; for `geglu` [I, 2·O]
   * @returns f32 [..., O]
   */
  fusedLinear(x: Tensor, weight: Tensor2D, options: FusedLinearOptions): Tensor;

  /**
   * Codes of a grid and learned places: codes[id] + rows[y] + columns[x].
   *
   * @param tokenIds i32 [B, h·w], row by row, in [0, V)
   * @param tables `codes` f32 [V, D], `rows` f32 [h, D], `columns` f32 [w, D]
   * @returns f32 [B, h·w, D]
   */
  embedGrid(tokenIds: Tensor2D, tables: GridTables): Tensor3D;

  /** A norm, and its modulation by a condition: norm(x)·scale + shift. @param x f32 [B, S, D] @param weight f32 [D] */
  modulatedNorm(x: Tensor3D, weight: Tensor1D, options: ModulatedNormOptions): Tensor3D;

  /**
   * Attention of a sequence to itself, its queries, keys and values from linear maps without a bias.
   *
   * @param x f32 [B, S, D]
   * @param weights f32 [D, N·K] each
   * @returns f32 [B, S, N·K]
   */
  selfAttention(x: Tensor3D, weights: SelfAttentionWeights, options: AttentionOptions): Tensor3D;

  /**
   * Global response norm (ConvNeXt V2, arXiv 2301.00808): each channel's length over the grid, n relative to the mean of the
   * channels' lengths; x·(n·gamma + 1) + beta.
   *
   * @param x f32 [B, S, F] @param gamma F numbers @param beta F numbers
   */
  responseNorm(x: Tensor3D, gamma: Tensor, beta: Tensor, epsilon?: number): Tensor3D;

  /** silu(groupNorm(x)), then a convolution. @param x f32 [B, H, W, I] @param weight f32 [kh, kw, I, O] */
  normSiluConv2d(x: Tensor4D, norm: GroupNormParameters, weight: Tensor4D, options: NormSiluConv2dOptions): Tensor4D;

  /**
   * Uniform numbers in (0, 1] of Philox streams: those of `uniform` at f32, to the bit. Made on the device on webgpu; elsewhere the host
   * makes them and reads the streams for it, which plans on tensorflow refuse.
   *
   * @param streams i32 [R, 4], of `streamWords`
   * @returns f32 [R, length]
   */
  uniformNumbers(streams: Tensor2D, length: number): Tensor2D;

  /**
   * What is added to the log-probabilities of positions to make their scores: base + temperature · Gumbel noise, that of `gumbel` at
   * f32, on webgpu up to 10⁻⁶ of it.
   *
   * @param tensors `streams` i32 [B, 4], of `streamWords`; `baseScores` f32 [S]; `choice` f32 [B, 3], of which the last is the
   * temperature
   * @returns f32 [B, S]
   */
  choiceNoise(tensors: NoiseTensors): Tensor2D;

  /**
   * A token of each position, drawn from the softmax of guided / temperature, guided = (1 + t)·conditional − t·unconditional:
   * the one in which the draw falls in the cumulative distribution. Not differentiable.
   *
   * @param logits f32 [2, S, V], conditional and unconditional, or [1, S, V] where t is 0; −∞ rules a token out
   * @param draws f32 [S], uniform in (0, 1); where it is below 0 the result is any
   * @param settings f32 [2]: t, and the temperature, 0 for the most likely token
   * @returns f32 [S, 2]: the token, and the logarithm of its probability at temperature 1; where logits are NaN or infinite the
   * token is −1 on webgpu, and the logarithm NaN elsewhere
   */
  sampleTokens(logits: Tensor3D, draws: Tensor1D, settings: Tensor1D): Tensor2D;

  /**
   * Positions of each row's masked tokens, then of the others, each kind in its order: the first `count` of them.
   *
   * @param tokenIds i32 [B, S]
   * @returns i32 [B, count]
   */
  maskedPositions(tokenIds: Tensor2D, maskTokenId: number, count: number): Tensor2D;

  /**
   * A step of parallel decoding: masked positions take what was drawn as their candidates, and of each row those of the highest
   * log-probability · weight + noise are decided, of equal ones the first. Not differentiable.
   *
   * @param tensors `state` f32 [3, B, S], of each position its token, its candidate and the logarithm of the candidate's
   * probability; `drawn` f32 [B, M, 2], tokens and log-probabilities of `maskedPositions`, M at least the masked ones; `noise`
   * f32 [B, S]; `choice` f32 [B, 3]: the weight, how many are decided, and the noise's temperature
   * @returns the state after it; a candidate that was −1 stays −1
   */
  decideTokens(tensors: DecideTensors, maskTokenId: number): Tensor3D;

  /** Each pixel repeated twice along both axes, then a 3 × 3 convolution. @param x f32 [B, H, W, I] @returns f32 [B, 2H, 2W, O] */
  upsampleConv2d(x: Tensor4D, weight: Tensor4D, bias?: Tensor1D): Tensor4D;
}

export type LinearActivation = 'gelu' | 'geluTanh' | 'silu' | 'geglu';

export interface Modulation {
  /** f32 [B, 1, width] */
  readonly scale: Tensor;
  /** f32 [B, 1, width] */
  readonly shift: Tensor;
}

export interface FusedLinearOptions {
  readonly bias?: Tensor1D;
  readonly activation?: LinearActivation;
  /** f32 [..., O] */
  readonly residual?: Tensor;
  /** Of x's first axis B; x is [B, S, I]. */
  readonly modulation?: Modulation;
}

export interface ModulatedNormOptions extends Modulation {
  readonly kind: 'layer' | 'rms';
  readonly epsilon?: number;
}

export interface SelfAttentionWeights {
  readonly query: Tensor2D;
  readonly key: Tensor2D;
  readonly value: Tensor2D;
}

export interface GridTables {
  readonly codes: Tensor2D;
  readonly rows: Tensor2D;
  readonly columns: Tensor2D;
}

export interface GroupNormParameters {
  readonly weight: Tensor1D;
  readonly bias: Tensor1D;
  readonly numGroups: number;
  readonly epsilon?: number;
}

export interface FusedConv2dOptions extends Conv2dOptions {
  readonly bias?: Tensor1D;
  /** Added to the result, f32 [B, H′, W′, O]. */
  readonly residual?: Tensor4D;
}

export interface NormSiluConv2dOptions extends FusedConv2dOptions {
  /** x is disposed, and before the convolution where that no longer reads it. Default false. */
  readonly isLastUse?: boolean;
}

export interface AttentionOptions {
  readonly numHeads: number;
  /** Factor on q·kᵀ; 1/√K if left out (T5 uses 1). */
  readonly scale?: number;
  /** Added to the scores, f32, broadcast to [B, N, S, T] (T5's relative position bias). */
  readonly bias?: Tensor;
  /** Which keys may be seen, f32 [B, T] of 0 and 1. A row of zeros gives an output of zeros. */
  readonly keyMask?: Tensor2D;
}

export interface Conv2dOptions {
  readonly stride?: number;
  /** Zeros added before and after both spatial axes: `same` (odd kernels, stride 1) or [top, bottom, left, right]. */
  readonly padding?: 'same' | readonly [top: number, bottom: number, left: number, right: number];
}
