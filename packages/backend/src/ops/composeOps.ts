import * as tf from '@tensorflow/tfjs';
import { decideTokens, maskedPositions } from './decideTokens.js';
import type { BasicOps, ComposedOps, FusedLinearOptions } from './ops.js';
import { choiceNoise, uniformNumbers } from './randomNumbers.js';
import { sampleTokens } from './sampleTokens.js';

/** The composed ops from a device's basic ones: the reference of what devices do in one pass. */
export function composeOps(ops: BasicOps): ComposedOps {
  return {
    fusedLinear: (x, weight, { bias, activation, residual, modulation }) =>
      tf.tidy(() => {
        let y = ops.linear(x, weight, bias);
        if (activation) y = activate(ops, activation, y);
        if (residual) y = tf.add(residual, y);
        return modulation ? tf.add(tf.mul(y, modulation.scale), modulation.shift) : y;
      }),

    embedGrid: (tokenIds, { codes, rows, columns }) =>
      tf.tidy(() => {
        const places = tf.add(tf.expandDims(rows, 1), tf.expandDims(columns, 0)); // f32 [h, w, D]
        return tf.add(ops.embedding(codes, tokenIds), tf.reshape(places, [tokenIds.shape[1], codes.shape[1]]));
      }),

    modulatedNorm: (x, weight, { kind, epsilon, scale, shift }) =>
      tf.tidy(() => {
        const normed = kind === 'rms' ? ops.rmsNorm(x, weight, epsilon) : ops.layerNorm(x, weight, undefined, epsilon);
        return tf.add(tf.mul(normed, scale), shift);
      }),

    selfAttention: (x, { query, key, value }, options) =>
      tf.tidy(() => {
        const [q, k, v] = [query, key, value].map((weight) => ops.linear(x, weight) as tf.Tensor3D);
        return ops.attention(q!, k!, v!, options);
      }),

    responseNorm: (x, gamma, beta, epsilon = 1e-6) =>
      tf.tidy(() => {
        const lengths = tf.sqrt(tf.sum(tf.square(x), 1, true)); // f32 [B, 1, F]
        const relative = tf.div(lengths, tf.add(tf.mean(lengths, 2, true), epsilon));
        const [slope, offset] = [gamma, beta].map((part) => tf.reshape(part, [1, 1, x.shape[2]]));
        return tf.add(tf.mul(x, tf.add(tf.mul(relative, slope!), 1)), offset!);
      }),

    normSiluConv2d: (x, norm, weight, { bias, residual, isLastUse, ...options }) =>
      tf.tidy(() => {
        const normed = ops.groupNorm(x, norm.weight, norm.bias, norm.numGroups, norm.epsilon);
        if (isLastUse) x.dispose();
        const y = ops.conv2d(ops.silu(normed) as tf.Tensor4D, weight, bias, options);
        return residual ? tf.add(residual, y) : y;
      }),

    uniformNumbers,
    choiceNoise,
    sampleTokens,
    maskedPositions,
    decideTokens,

    upsampleConv2d: (x, weight, bias) => tf.tidy(() => ops.conv2d(ops.upsampleNearest(x, 2), weight, bias)),
  };
}

function activate(ops: BasicOps, activation: NonNullable<FusedLinearOptions['activation']>, x: tf.Tensor): tf.Tensor {
  return ops[activation](x);
}
