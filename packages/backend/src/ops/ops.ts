import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';

/**
 * The operations that the model parts are written in. Each has a reference in plain tfjs that runs on every device;
 * a device may override one by a faster kernel, and the conformance suite holds them together.
 *
 * None disposes its inputs; the caller owns the result (inside `tf.tidy` as usual). All are differentiable in their
 * float inputs unless said otherwise.
 */
export interface Ops {
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
