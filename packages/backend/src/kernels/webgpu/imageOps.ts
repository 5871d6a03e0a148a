import * as tf from '@tensorflow/tfjs';
import type { BasicOps, ComposedOps, Conv2dOptions } from '../../ops/ops.js';
import { convSource, upsampleConvSource, upsampleFilters } from './convSource.js';
import { type GemmEpilogue, gemm } from './gemm.js';
import { applySlopes, groupNormSlopes } from './groupNorm.js';
import { unpackWeight } from './packedWeights.js';

const EPSILON = 1e-6;

/** @see BasicOps.conv2d */
export const conv2d: BasicOps['conv2d'] = (x, weight, bias, options) =>
  convolve(x, weight, options, bias ? { bias } : {});

/** @see BasicOps.groupNorm */
export const groupNorm: BasicOps['groupNorm'] = (x, weight, bias, numGroups, epsilon = EPSILON) =>
  tf.tidy(() => {
    const [B, H, W, C] = x.shape;
    const sizes = { B, numPixels: H * W, C };
    const slopes = groupNormSlopes(x, sizes, { weight, bias, numGroups, epsilon });
    return tf.reshape(applySlopes(x, slopes, sizes), x.shape);
  });

/** @see ComposedOps.normSiluConv2d */
export const normSiluConv2d: ComposedOps['normSiluConv2d'] = (
  x,
  norm,
  weight,
  { bias, residual, isLastUse, ...options },
) =>
  tf.tidy(() => {
    const [B, H, W, C] = x.shape;
    const slopes = groupNormSlopes(x, { B, numPixels: H * W, C }, { ...norm, epsilon: norm.epsilon ?? EPSILON });
    const y = convolve(x, weight, options, { ...(bias && { bias }), ...(residual && { residual }) }, slopes);
    if (isLastUse) x.dispose();
    return y;
  });

/** @see ComposedOps.upsampleConv2d */
export const upsampleConv2d: ComposedOps['upsampleConv2d'] = (x, weight, bias) =>
  tf.tidy(() => {
    const [B, H, W, C] = x.shape;
    const N = weight.shape[3];
    const made = gemm({
      sizes: { M: B * H * W, N, K: 4 * C },
      source: upsampleConvSource(x, { H, W, C }),
      weights: [upsampleFilters(unpackWeight(weight))],
      epilogue: bias ? { bias } : {},
    });
    return tf.reshape(made, [B, 2 * H, 2 * W, N]);
  });

function convolve(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  { stride = 1, padding = 'same' }: Conv2dOptions = {},
  epilogue: GemmEpilogue = {},
  slopes?: tf.Tensor,
): tf.Tensor4D {
  const [B, H, W, C] = x.shape;
  const [kernelHeight, kernelWidth, , N] = weight.shape;
  const [top, bottom, left, right] = padding === 'same' ? same(kernelHeight, kernelWidth) : padding;
  const outH = Math.floor((H + top + bottom - kernelHeight) / stride) + 1;
  const outW = Math.floor((W + left + right - kernelWidth) / stride) + 1;
  const sizes = { H, W, C, outH, outW, kernelWidth, stride, padTop: top, padLeft: left };
  return tf.tidy(() => {
    const made = gemm({
      sizes: { M: B * outH * outW, N, K: kernelHeight * kernelWidth * C },
      source: convSource(x, sizes, slopes),
      weights: [weight],
      epilogue,
    });
    return tf.reshape(made, [B, outH, outW, N]);
  });
}

/** Zeros around an image that keep its size at stride 1; of an odd number more of them behind, as everywhere. */
function same(height: number, width: number): [number, number, number, number] {
  const [top, left] = [Math.floor((height - 1) / 2), Math.floor((width - 1) / 2)];
  return [top, height - 1 - top, left, width - 1 - left];
}
