import * as tf from '@tensorflow/tfjs';
import { composeOps } from '../../ops/composeOps.js';
import type { BasicOps, ComposedOps, FusedLinearOptions, Modulation } from '../../ops/ops.js';
import { referenceOps } from '../../ops/referenceOps.js';
import { decideTokens, maskedPositions } from './decideTokens.js';
import { embedGrid } from './embedGrid.js';
import { embedLarge, isTooLargeToBind } from './embedLarge.js';
import { type AttentionRows, flashAttention, MAX_HEAD_DIM } from './flashAttention.js';
import { type GemmEpilogue, type GemmSource, gemm, matrixSource } from './gemm.js';
import { conv2d, groupNorm, normSiluConv2d, upsampleConv2d } from './imageOps.js';
import { nearestCode } from './nearestCode.js';
import { type GpuDtype, packedDtype, unpackWeight } from './packedWeights.js';
import { pointwise } from './pointwise.js';
import { choiceNoise, uniformNumbers } from './randomNumbers.js';
import { responseNorm } from './responseNorm.js';
import { roundedSource } from './roundedRows.js';
import { rowNorm } from './rowNorm.js';
import { sampleTokens } from './sampleTokens.js';

/**
 * The fused kernels in the place of the reference. They have no gradients: while one is recorded, and for what they do not
 * cover, the reference does the work.
 */
export const webgpuOps: BasicOps = {
  ...referenceOps,

  linear: (x, weight, bias) =>
    isRecordingGradient()
      ? tf.tidy(() => referenceOps.linear(x, unpackWeight(weight), bias))
      : linear(x, [weight], bias && { bias }),

  attention(q, k, v, options) {
    const { numHeads, scale, keyMask, bias } = options;
    const headDim = q.shape[2] / numHeads;
    if (isRecordingGradient() || headDim > MAX_HEAD_DIM) return referenceOps.attention(q, k, v, options);
    const rows = (tensor: tf.Tensor3D): AttentionRows => ({ tensor, stride: tensor.shape[2], offset: 0 });
    return flashAttention({
      sizes: { B: q.shape[0], S: q.shape[1], T: k.shape[1], numHeads, headDim },
      q: rows(q),
      k: rows(k),
      v: rows(v),
      scale: scale ?? 1 / Math.sqrt(headDim),
      ...(keyMask && { keyMask }),
      ...(bias && { bias }),
    }) as tf.Tensor3D;
  },

  layerNorm: (x, weight, bias, epsilon) =>
    isRecordingGradient()
      ? referenceOps.layerNorm(x, weight, bias, epsilon)
      : norm('layer', x, weight, { bias, epsilon }),

  rmsNorm: (x, weight, epsilon) =>
    isRecordingGradient() ? referenceOps.rmsNorm(x, weight, epsilon) : norm('rms', x, weight, { epsilon }),

  gelu: (x) => activation('gelu', x),
  geluTanh: (x) => activation('geluTanh', x),
  silu: (x) => activation('silu', x),

  groupNorm: (...args) => (isRecordingGradient() ? referenceOps.groupNorm(...args) : groupNorm(...args)),

  conv2d(x, weight, bias, options) {
    // tfjs pads `same` at a stride as TensorFlow does, which depends on the size.
    const isPlain = (options?.stride ?? 1) === 1 || (options?.padding ?? 'same') !== 'same';
    if (isRecordingGradient() || !isPlain) {
      return tf.tidy(() => referenceOps.conv2d(x, unpackWeight(weight), bias, options));
    }
    return conv2d(x, weight, bias, options);
  },

  embedding: (table, ids) =>
    isRecordingGradient() || !isTooLargeToBind(table) ? referenceOps.embedding(table, ids) : embedLarge(table, ids),

  nearestCode: (x, codebook) => nearestCode(x, codebook) as tf.Tensor1D,
};

/** As `webgpuOps`: several ops in one pass. */
export const webgpuComposedOps: Partial<ComposedOps> = {
  fusedLinear: (x, weight, options) =>
    isRecordingGradient()
      ? tf.tidy(() => taped.fusedLinear(x, unpackWeight(weight), options))
      : linear(x, [weight], epilogueOf(x, options)),

  embedGrid: (tokenIds, tables) =>
    isRecordingGradient() ? taped.embedGrid(tokenIds, tables) : (embedGrid(tokenIds, tables) as tf.Tensor3D),

  modulatedNorm: (x, weight, options) =>
    isRecordingGradient()
      ? taped.modulatedNorm(x, weight, options)
      : (norm(options.kind, x, weight, { epsilon: options.epsilon, modulation: options }) as tf.Tensor3D),

  selfAttention(x, { query, key, value }, options) {
    const [B, S] = x.shape;
    const width = query.shape[1];
    const headDim = width / options.numHeads;
    const isAlike = [key, value].every(
      (weight) => weight.shape[1] === width && packedDtype(weight) === packedDtype(query),
    );
    if (isRecordingGradient() || headDim > MAX_HEAD_DIM || !isAlike) {
      return tf.tidy(() => {
        const weights = { query: unpackWeight(query), key: unpackWeight(key), value: unpackWeight(value) };
        return taped.selfAttention(x, weights, options);
      });
    }
    return tf.tidy(() => {
      const tensor = linear(x, [query, key, value]); // f32 [B, S, 3·N·K]
      const rows = (part: number): AttentionRows => ({ tensor, stride: 3 * width, offset: part * width });
      const { numHeads, scale = 1 / Math.sqrt(headDim), keyMask, bias } = options;
      return flashAttention({
        sizes: { B, S, T: S, numHeads, headDim },
        q: rows(0),
        k: rows(1),
        v: rows(2),
        scale,
        ...(keyMask && { keyMask }),
        ...(bias && { bias }),
      }) as tf.Tensor3D;
    });
  },

  responseNorm(x, gamma, beta, epsilon = 1e-6) {
    if (isRecordingGradient()) return taped.responseNorm(x, gamma, beta, epsilon);
    return tf.tidy(() => tf.reshape(responseNorm(x, gamma, beta, epsilon), x.shape));
  },

  normSiluConv2d: (x, norm, weight, options) =>
    isRecordingGradient()
      ? tf.tidy(() => taped.normSiluConv2d(x, norm, unpackWeight(weight), options))
      : normSiluConv2d(x, norm, weight, options),

  uniformNumbers: (streams, length) => uniformNumbers(streams, length) as tf.Tensor2D,

  choiceNoise: (tensors) => choiceNoise(tensors) as tf.Tensor2D,

  sampleTokens: (logits, draws, settings) => sampleTokens(logits, draws, settings) as tf.Tensor2D,

  maskedPositions: (tokenIds, maskTokenId, count) => maskedPositions(tokenIds, maskTokenId, count) as tf.Tensor2D,

  decideTokens: (tensors, maskTokenId) => decideTokens(tensors, maskTokenId) as tf.Tensor3D,

  upsampleConv2d(x, weight, bias) {
    const isTripled = weight.shape[0] === 3 && weight.shape[1] === 3;
    if (isRecordingGradient() || !isTripled) {
      return tf.tidy(() => taped.upsampleConv2d(x, unpackWeight(weight), bias));
    }
    return upsampleConv2d(x, weight, bias);
  },
};

function activation(name: 'gelu' | 'geluTanh' | 'silu', x: tf.Tensor): tf.Tensor {
  if (isRecordingGradient()) return referenceOps[name](x);
  return tf.tidy(() => tf.reshape(pointwise(name, x), x.shape));
}

/** For gradients: composed of ops that have them. */
const taped = composeOps(referenceOps);

function isRecordingGradient(): boolean {
  return tf.engine().isTapeOn();
}

/** @param weights f32 [I, O] each, side by side @returns f32 [..., number of weights · O] */
function linear(x: tf.Tensor, weights: tf.Tensor2D[], epilogue: GemmEpilogue = {}): tf.Tensor {
  const [K, columns] = weights[0]!.shape;
  const N = weights.length * (epilogue.isGated ? columns / 2 : columns);
  const M = x.size / K;
  const shape = [...x.shape.slice(0, -1), N];
  return tf.tidy(() => {
    const rows = tf.reshape(x, [M, K]);
    // The halves of a gated weight begin within a word if no 4 divides them.
    const usable = (N / weights.length) % 4 === 0 ? weights : weights.map(unpackWeight);
    const source = sourceOf(rows, K, packedDtype(usable[0]!));
    return tf.reshape(gemm({ sizes: { M, N, K }, source, weights: usable, epilogue }), shape);
  });
}

/** Weights of some kinds are multiplied in fewer bits, for which the rows are rounded. @param rows f32 [M, K] */
function sourceOf(rows: tf.Tensor, K: number, packing: GpuDtype | undefined): GemmSource {
  if (packing === 'w16a16') return roundedSource(rows, K, 'f16');
  if (packing === 'w8a8') return roundedSource(rows, K, 'i8');
  return matrixSource(rows, K);
}

function epilogueOf(x: tf.Tensor, { bias, activation, residual, modulation }: FusedLinearOptions): GemmEpilogue {
  const isGated = activation === 'geglu';
  return {
    isGated,
    ...(bias && { bias }),
    ...(activation && { activation: activation === 'geglu' ? 'gelu' : activation }),
    ...(residual && { residual }),
    ...(modulation && { modulation: modulationOf(x, modulation) }),
  };
}

/** Rows of x that share a condition: those of one image. */
function modulationOf(x: tf.Tensor, { scale, shift }: Modulation) {
  const numRows = x.size / x.shape.at(-1)!;
  return { scale, shift, rowsPerImage: numRows / scale.shape[0]! };
}

interface NormOptions {
  readonly bias?: tf.Tensor1D;
  readonly epsilon?: number;
  readonly modulation?: Modulation;
}

function norm(kind: 'layer' | 'rms', x: tf.Tensor, weight: tf.Tensor1D, options: NormOptions): tf.Tensor {
  const { bias, epsilon = 1e-6, modulation } = options;
  const D = weight.size;
  const M = x.size / D;
  return tf.tidy(() => {
    const rows = tf.reshape(x, [M, D]);
    const made = rowNorm({
      x: rows,
      sizes: { M, D },
      kind,
      weight,
      epsilon,
      ...(bias && { bias }),
      ...(modulation && { modulation: modulationOf(x, modulation) }),
    });
    return tf.reshape(made, x.shape);
  });
}
