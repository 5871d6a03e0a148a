import * as tf from '@tensorflow/tfjs';
import { TANH_CUBIC, TANH_SCALE } from '../../ops/activations.js';
import { composeOps } from '../../ops/composeOps.js';
import type { BasicOps, ComposedOps, Conv2dOptions, LinearActivation } from '../../ops/ops.js';
import { unlessTaped } from '../../ops/unlessTaped.js';
import { dtypeOf, type Handle, TfDataType } from '../../tensorflow/eager.js';
import { type EagerProgram, runProgram } from '../../tensorflow/eagerProgram.js';
import { groupNorm } from './groupNorm.js';
import { sampleTokens } from './sampleTokens.js';

interface TensorflowOps {
  /** As programs of TensorFlow ops, with less between them than in tfjs. */
  readonly ops: BasicOps;
  /** Several of them in one program. */
  readonly composedOps: Partial<ComposedOps>;
}

/**
 * The ops of a device.
 *
 * @param taped what is called while a gradient is recorded
 * @param isNarrow products, attention and convolutions in bfloat16: what comes in is rounded to it, sums are f32 and rounded once,
 * everything between is f32. Of weights that `packWeight` has rounded these take bfloat16 in any case.
 */
export function tensorflowOps(taped: BasicOps, isNarrow: boolean): TensorflowOps {
  const ops: BasicOps = {
    ...taped,
    ...unlessTaped<Partial<BasicOps>>(taped, {
      linear: (x, weight, bias) => linear(x, weight, { bias }, isNarrow),

      // Biased and masked scores are the reference's: texts have them, whose encoders run once.
      attention: (q, k, v, options) =>
        options.bias || options.keyMask ? taped.attention(q, k, v, options) : attention(q, k, v, options, isNarrow),

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
      geglu: (x) =>
        runProgram([x], (run, input) => {
          const [value, gate] = run.halves(input, x.rank - 1);
          return run.mul(value, gelu(run, gate));
        }),
      silu: (x) => runProgram([x], silu),
    }),
  };
  const composedOps = unlessTaped<Partial<ComposedOps>>(composeOps(taped), {
    fusedLinear: (x, weight, { modulation, ...others }) => linear(x, weight, { ...others, ...modulation }, isNarrow),

    modulatedNorm: (x, weight, { kind, epsilon = 1e-6, scale, shift }) =>
      runProgram([x, weight, scale, shift], (run, input, gain, factor, offset) => {
        const normal = kind === 'rms' ? rmsNormal(run, input!, epsilon) : layerNormal(run, input!, epsilon);
        return run.add(run.mul(normal, run.mul(factor!, gain!)), offset!); // the two factors first: they are one row an image
      }) as tf.Tensor3D,

    normSiluConv2d: (x, norm, weight, { bias, residual, isLastUse, ...options }) =>
      tf.tidy(() => {
        const normed = groupNorm(x, norm.weight, norm.bias, norm.numGroups, norm.epsilon);
        if (isLastUse) x.dispose();
        const active = runProgram([normed], silu) as tf.Tensor4D;
        normed.dispose();
        return convolve(ops, active, weight, [bias, residual], options);
      }),

    sampleTokens,
    upsampleConv2d: (x, weight, bias) => tf.tidy(() => convolve(ops, ops.upsampleNearest(x, 2), weight, [bias])),
  });
  return { ops, composedOps };
}

/** Frees the images, and each sum, as soon as it has read them: at the decoder's end they are as large as all else that is alive. */
function convolve(
  { conv2d }: BasicOps,
  images: tf.Tensor4D,
  weight: tf.Tensor4D,
  addends: readonly (tf.Tensor | undefined)[],
  options?: Conv2dOptions,
): tf.Tensor4D {
  let y = conv2d(images, weight, undefined, options);
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
const activations = { gelu, geluTanh, silu } as const satisfies Record<Exclude<LinearActivation, 'geglu'>, unknown>;

interface Epilogue {
  readonly bias?: tf.Tensor1D | undefined;
  readonly activation?: LinearActivation | undefined;
  readonly residual?: tf.Tensor | undefined;
  readonly scale?: tf.Tensor | undefined;
  readonly shift?: tf.Tensor | undefined;
}

/** @param x f32 [..., I] @param weight f32 [I, O], of `geglu` [I, 2·O] @returns f32 [..., O] */
function linear(
  x: tf.Tensor,
  weight: tf.Tensor2D,
  { activation, ...operands }: Epilogue,
  isNarrow: boolean,
): tf.Tensor {
  const names = (['bias', 'residual', 'scale', 'shift'] as const).filter((name) => operands[name]);
  const isPacked = dtypeOf(weight) === TfDataType.bfloat16;
  const inMemory = (matrix: Handle) => (isPacked ? { ...matrix, shape: [...weight.shape].reverse() } : matrix);
  return runProgram([x, weight, ...names.map((name) => operands[name]!)], (run, input, given, ...rest) => {
    const { bias, residual, scale, shift } = Object.fromEntries(names.map((name, i) => [name, rest[i]!]));
    const isRounded = isNarrow || isPacked;
    const isGated = activation === 'geglu';
    // What a gate is multiplied by, √½, its whole input is: so both of the halves are.
    const scaled = isGated ? run.mul(input!, Math.SQRT1_2) : input!;
    const [rows, matrix] = isRounded ? [run.narrow(scaled), run.narrow(inMemory(given!))] : [scaled, given!];
    const product = (part: Handle) => {
      const y = run.matMul(rows, part, isPacked);
      return run.widen(run.reshape(y, [...x.shape.slice(0, -1), y.shape[1]!]));
    };
    let y: Handle;
    if (isGated && isPacked && !bias) {
      // Two products: a packed matrix is halved for nothing, what comes of it is not.
      const [value, gate] = run.halves(matrix, 0);
      run.twice(rows);
      y = gateScaled(run, product(value), product(gate));
    } else {
      y = product(matrix);
      if (bias) y = run.add(y, isGated ? run.mul(bias, Math.SQRT1_2) : bias);
      if (isGated) y = gateScaled(run, ...run.halves(y, x.rank - 1));
      else if (activation) y = activations[activation](run, y);
    }
    if (residual) y = run.add(residual, y);
    return scale && shift ? run.add(run.mul(y, scale), shift) : y;
  });
}

function attention(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  v: tf.Tensor3D,
  { numHeads, scale }: Parameters<BasicOps['attention']>[3],
  isNarrow: boolean,
): tf.Tensor3D {
  const [B, S, width] = q.shape;
  const size = width / numHeads;
  const factor = scale ?? 1 / Math.sqrt(size);
  return runProgram([q, k, v], (run, ...inputs) => {
    const rounded = (x: Handle) => (isNarrow ? run.narrow(x) : x);
    // A power of two rounds nothing in any type; others are multiplied before what comes of it is rounded.
    const isExact = Number.isInteger(Math.log2(factor));
    const [queries, keys, values] = inputs.map((input, i) => (i === 0 && !isExact ? input : rounded(input)));
    const scaled = rounded(run.mul(queries!, factor));
    const heads = (x: Handle) => run.transpose(run.reshape(x, [B, x.shape[1]!, numHeads, size]), [0, 2, 1, 3]); // [B, N, S, K]
    const scores = run.batchMatMul(heads(scaled), heads(keys!), true);
    const mixed = run.batchMatMul(run.softmax(scores), heads(values!), false);
    return run.widen(run.reshape(run.transpose(mixed, [0, 2, 1, 3]), [B, S, width]));
  }) as tf.Tensor3D;
}

/** x / √(mean x² + ε) over the last axis. */
function rmsNormal(run: EagerProgram, x: Handle, epsilon: number): Handle {
  return run.mul(x, run.map('Rsqrt', run.add(run.reduce('Mean', run.map('Square', x)), epsilon)));
}

/** (x − mean) / √(variance + ε) over the last axis. */
function layerNormal(run: EagerProgram, x: Handle, epsilon: number): Handle {
  return run.layerNormal(x, epsilon) ?? rmsNormal(run, run.twice(run.sub(x, run.reduce('Mean', x))), epsilon);
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

/** value·gelu(gate), of both times √½: value·(erf gate + 1)·gate */
function gateScaled(run: EagerProgram, value: Handle, gate: Handle): Handle {
  run.twice(gate);
  return run.mul(value, run.mul(run.add(run.map('Erf', gate), 1), gate));
}
