import * as tf from '@tensorflow/tfjs';
import { composeOps } from '../../ops/composeOps.js';
import type { BasicOps, ComposedOps } from '../../ops/ops.js';
import { referenceOps } from '../../ops/referenceOps.js';
import { unlessTaped } from '../../ops/unlessTaped.js';
import { attention } from './attention.js';
import { type Convolution, convolve, convolveUpsampled } from './convolve.js';
import { groupNorm, upsampleNearest } from './imageOps.js';
import { type KernelActivation, matMul } from './matMul.js';
import { activation, crossEntropy, gatherRows, geglu, rowNorm } from './rowOps.js';

/** Our kernels in the place of the reference, which does the work while a gradient is recorded: they have none. */
export const wasmOps: BasicOps = unlessTaped<BasicOps>(referenceOps, {
  linear: (x, weight, bias) => linear(x, weight, { bias }),
  attention,
  layerNorm: (x, weight, bias, epsilon) => rowNorm(x, weight, { kind: 'layer', bias, epsilon }),
  rmsNorm: (x, weight, epsilon) => rowNorm(x, weight, { kind: 'rms', epsilon }),
  groupNorm: (x, weight, bias, numGroups, epsilon) =>
    groupNorm(x, { weight, bias, numGroups, ...(epsilon && { epsilon }) }, false),
  gelu: (x) => activation('gelu', x),
  geluTanh: (x) => activation('geluTanh', x),
  geglu,
  silu: (x) => activation('silu', x),
  conv2d: (x, weight, bias, options) => convolve({ ...geometry(x, weight, options), bias }),
  upsampleNearest,
  embedding: (table, ids) => tf.tidy(() => gatherRows(table, tf.cast(ids, 'int32'))),
  nearestCode: referenceOps.nearestCode,
  crossEntropy: (logits, labels, labelSmoothing) =>
    tf.tidy(() => crossEntropy(logits, tf.cast(labels, 'int32'), labelSmoothing)),
});

/** As `wasmOps`: several ops in one pass. */
export const wasmComposedOps: Partial<ComposedOps> = unlessTaped<Partial<ComposedOps>>(composeOps(referenceOps), {
  fusedLinear: (x, weight, { bias, activation: name, residual, modulation }) =>
    tf.tidy(() => {
      const isGated = name === 'geglu';
      // The product's own epilogue does the rest, but not the gate's half of the channels.
      let y = linear(x, weight, isGated ? { bias } : { bias, activation: name, residual });
      if (isGated) {
        y = geglu(y);
        if (residual) y = tf.add(residual, y);
      }
      return modulation ? tf.add(tf.mul(y, modulation.scale), modulation.shift) : y;
    }),

  modulatedNorm: (x, weight, { kind, epsilon, scale, shift }) =>
    rowNorm(x, weight, { kind, epsilon, modulation: { scale, shift } }) as tf.Tensor3D,

  normSiluConv2d: (x, norm, weight, { bias, residual, isLastUse, ...options }) =>
    tf.tidy(() => {
      const normed = groupNorm(x, norm, true);
      if (isLastUse) x.dispose();
      return convolve({ ...geometry(normed, weight, options), bias, residual });
    }),

  upsampleConv2d(x, weight, bias) {
    const isTripled = weight.shape[0] === 3 && weight.shape[1] === 3;
    return isTripled ? convolveUpsampled(x, weight, bias) : composeOps(wasmOps).upsampleConv2d(x, weight, bias);
  },
});

interface Epilogue {
  readonly bias?: tf.Tensor1D | undefined;
  readonly activation?: KernelActivation | undefined;
  readonly residual?: tf.Tensor | undefined;
}

/** @param x f32 [..., I] @param weight f32 [I, O] @returns f32 [..., O] */
function linear(x: tf.Tensor, weight: tf.Tensor2D, epilogue: Epilogue): tf.Tensor {
  const [K, N] = weight.shape;
  return matMul({ a: x, b: weight, shape: [...x.shape.slice(0, -1), N], sizes: { M: x.size / K, K, N }, ...epilogue });
}

type Geometry = Pick<Convolution, 'x' | 'filter' | 'outHeight' | 'outWidth' | 'strides' | 'padding'>;

function geometry(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { stride = 1, padding = 'same' }: Parameters<BasicOps['conv2d']>[3] = {},
): Geometry {
  const [, H, W] = x.shape;
  const [kernelHeight, kernelWidth] = filter.shape;
  if (padding === 'same') {
    const info = tf.backend_util.computeConv2DInfo(x.shape, filter.shape, stride, 1, 'same');
    const { outHeight, outWidth, padInfo } = info;
    return { x, filter, outHeight, outWidth, strides: [stride, stride], padding: [padInfo.top, padInfo.left] };
  }
  const [top, bottom, left, right] = padding;
  return {
    x,
    filter,
    outHeight: Math.floor((H + top + bottom - kernelHeight) / stride) + 1,
    outWidth: Math.floor((W + left + right - kernelWidth) / stride) + 1,
    strides: [stride, stride],
    padding: [top, left],
  };
}
