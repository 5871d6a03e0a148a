import * as tf from '@tensorflow/tfjs';
import { TANH_CUBIC, TANH_SCALE } from '../../ops/activations.js';
import { composeOps } from '../../ops/composeOps.js';
import type { BasicOps, ComposedOps, Conv2dOptions, LinearActivation } from '../../ops/ops.js';
import { referenceOps } from '../../ops/referenceOps.js';
import { unlessTaped } from '../../ops/unlessTaped.js';
import type { Handle } from '../../tensorflow/eager.js';
import { type EagerProgram, runProgram } from '../../tensorflow/eagerProgram.js';
import { groupNorm } from './groupNorm.js';

/** The ops as programs of TensorFlow ops, with less between them than in tfjs; the reference while a gradient is recorded. */
export const tensorflowOps: BasicOps = {
  ...referenceOps,
  ...unlessTaped<Partial<BasicOps>>(referenceOps, {
    linear: (x, weight, bias) => linear(x, weight, { bias }),

    // Biased and masked scores are the reference's: texts have them, whose encoders run once.
    attention: (q, k, v, options) =>
      options.bias || options.keyMask ? referenceOps.attention(q, k, v, options) : attention(q, k, v, options),

    layerNorm: (x, weight, bias, epsilon = 1e-6) =>
      runProgram(bias ? [x, weight, bias] : [x, weight], (run, input, gain, offset) => {
        const normed = run.mul(layerNormal(run, input!, epsilon), gain!);
        return offset ? run.add(normed, offset) : normed;
      }),

    rmsNorm: (x, weight, epsilon = 1e-6) =>
      runProgram([x, weight], (run, input, gain) => run.mul(rmsNormal(run, input!, epsilon), gain!)),

    groupNorm,
    gelu: (x) => runProgram([x], gelu),
    geluTanh: (x) => runProgram([x], geluTanh),
    geglu: (x) => runProgram([x], geglu),
    silu: (x) => runProgram([x], silu),
  }),
};

/** As `tensorflowOps`: several ops in one program. */
export const tensorflowComposedOps: Partial<ComposedOps> = unlessTaped<Partial<ComposedOps>>(composeOps(referenceOps), {
  fusedLinear: (x, weight, { modulation, ...others }) => linear(x, weight, { ...others, ...modulation }),

  modulatedNorm: (x, weight, { kind, epsilon = 1e-6, scale, shift }) =>
    runProgram([x, weight, scale, shift], (run, input, gain, factor, offset) => {
      const normal = kind === 'rms' ? rmsNormal(run, input!, epsilon) : layerNormal(run, input!, epsilon);
      return run.add(run.mul(normal, run.mul(factor!, gain!)), offset!); // the two factors first: they are one row an image
    }) as tf.Tensor3D,

  normSiluConv2d: (x, norm, weight, { bias, residual, ...options }) =>
    tf.tidy(() => {
      const normed = groupNorm(x, norm.weight, norm.bias, norm.numGroups, norm.epsilon);
      const active = runProgram([normed], silu) as tf.Tensor4D;
      normed.dispose();
      return convolve(active, weight, [bias, residual], options);
    }),

  upsampleConv2d: (x, weight, bias) => tf.tidy(() => convolve(referenceOps.upsampleNearest(x, 2), weight, [bias])),
});

/** Frees the images, and each sum, as soon as it has read them: at the decoder's end they are as large as all else that is alive. */
function convolve(
  images: tf.Tensor4D,
  weight: tf.Tensor4D,
  addends: readonly (tf.Tensor | undefined)[],
  options?: Conv2dOptions,
): tf.Tensor4D {
  let y = referenceOps.conv2d(images, weight, undefined, options);
  images.dispose();
  for (const addend of addends) {
    if (!addend) continue;
    const sum = runProgram([y, addend], (run, a, b) => run.add(a!, b!)) as tf.Tensor4D;
    y.dispose();
    y = sum;
  }
  return y;
}

const silu = (run: EagerProgram, x: Handle) => run.silu(x);
const activations = { gelu, geluTanh, silu, geglu } as const satisfies Record<LinearActivation, unknown>;

interface Epilogue {
  readonly bias?: tf.Tensor1D | undefined;
  readonly activation?: LinearActivation | undefined;
  readonly residual?: tf.Tensor | undefined;
  readonly scale?: tf.Tensor | undefined;
  readonly shift?: tf.Tensor | undefined;
}

/** @param x f32 [..., I] @param weight f32 [I, O], of `geglu` [I, 2·O] @returns f32 [..., O] */
function linear(x: tf.Tensor, weight: tf.Tensor2D, { activation, ...operands }: Epilogue): tf.Tensor {
  const names = (['bias', 'residual', 'scale', 'shift'] as const).filter((name) => operands[name]);
  return runProgram([x, weight, ...names.map((name) => operands[name]!)], (run, input, matrix, ...rest) => {
    const { bias, residual, scale, shift } = Object.fromEntries(names.map((name, i) => [name, rest[i]!]));
    let y = run.matMul(input!, matrix!);
    if (bias) y = run.add(y, bias);
    if (activation) y = activations[activation](run, y);
    y = run.reshape(y, [...x.shape.slice(0, -1), y.shape[1]!]);
    if (residual) y = run.add(residual, y);
    return scale && shift ? run.add(run.mul(y, scale), shift) : y;
  });
}

function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  { numHeads, scale }: Parameters<BasicOps['attention']>[3],
): tf.Tensor3D {
  const [B, S, width] = q.shape;
  const size = width / numHeads;
  return runProgram([q, k, v], (run, queries, keys, values) => {
    const heads = (x: Handle) => run.transpose(run.reshape(x, [B, x.shape[1]!, numHeads, size]), [0, 2, 1, 3]); // [B, N, S, K]
    const scores = run.batchMatMul(heads(run.mul(queries!, scale ?? 1 / Math.sqrt(size))), heads(keys!), true);
    const mixed = run.batchMatMul(run.softmax(scores), heads(values!), false);
    return run.reshape(run.transpose(mixed, [0, 2, 1, 3]), [B, S, width]);
  }) as tf.Tensor3D;
}

/** x / √(mean x² + ε) over the last axis. */
function rmsNormal(run: EagerProgram, x: Handle, epsilon: number): Handle {
  return run.mul(x, run.map('Rsqrt', run.add(run.mean(run.map('Square', x)), epsilon)));
}

/** (x − mean) / √(variance + ε) over the last axis. */
function layerNormal(run: EagerProgram, x: Handle, epsilon: number): Handle {
  return rmsNormal(run, run.twice(run.sub(x, run.mean(x))), epsilon);
}

/** x·Φ(x) = h·(erf h + 1)·√½ with h = x·√½ */
function gelu(run: EagerProgram, x: Handle): Handle {
  const h = run.twice(run.mul(x, Math.SQRT1_2));
  return run.mul(run.mul(run.add(run.map('Erf', h), 1), h), Math.SQRT1_2);
}

/** x·½(1 + tanh u), u = √(2/π)·(x + 0.044715·x³) */
function geluTanh(run: EagerProgram, x: Handle): Handle {
  run.twice(run.twice(x));
  const slope = run.add(run.mul(run.map('Square', x), TANH_SCALE * TANH_CUBIC), TANH_SCALE);
  const gate = run.add(run.mul(run.map('Tanh', run.mul(slope, x)), 0.5), 0.5);
  return run.mul(gate, x);
}

function geglu(run: EagerProgram, x: Handle): Handle {
  const [value, gate] = run.halves(x);
  return run.mul(value, gelu(run, gate));
}
