import * as tf from '@tensorflow/tfjs';
import { differentiable } from '../ops/differentiable.js';
import type { Conv2dOptions, Ops } from '../ops/ops.js';
import { type Attribute, fromBfloat16, runOp, TfDataType, toBfloat16 } from './eager.js';

/**
 * The ops in which a network spends its arithmetic, with their products in bfloat16, values and gradients: inputs
 * rounded to bfloat16, accumulated in f32, the result rounded once and widened. What is kept for the gradient is
 * bfloat16 too, half the memory. About twice as fast as f32 on processors with AVX512-BF16 or AMX, much slower on
 * others.
 */
export const bfloat16Ops: Pick<Ops, 'linear' | 'conv2d'> = { linear, conv2d };

const BFLOAT16: Attribute = ['T', 'TYPE', TfDataType.bfloat16];
const FLOAT32: Attribute = ['T', 'TYPE', TfDataType.float32];

function linear(x: tf.Tensor, weight: tf.Tensor2D, bias?: tf.Tensor1D): tf.Tensor {
  const [I, O] = weight.shape;
  return differentiable({
    inputs: { x, weight, bias },
    forward(save) {
      const rows = toBfloat16(tf.reshape(x, [-1, I])); // bf16 [M, I]
      const matrix = toBfloat16(weight);
      save([rows, matrix]);
      const out = matMul(rows, matrix); // f32 [M, O]
      return tf.reshape(bias ? tf.add(out, bias) : out, [...x.shape.slice(0, -1), O]);
    },
    backward(dy, [rows, matrix]) {
      const wide = tf.reshape(dy, [-1, O]);
      const dOut = toBfloat16(wide); // bf16 [M, O]
      return {
        x: () => tf.reshape(matMul(dOut, matrix!, false, true), x.shape),
        weight: () => matMul(rows!, dOut, true, false),
        bias: () => tf.sum(wide, 0),
      };
    },
  });
}

/** bf16 · bf16 → f32 */
function matMul(a: tf.Tensor, b: tf.Tensor, transposeA = false, transposeB = false): tf.Tensor {
  const attributes: Attribute[] = [BFLOAT16, ['transpose_a', 'BOOL', transposeA], ['transpose_b', 'BOOL', transposeB]];
  return fromBfloat16(runOp('MatMul', attributes, [a, b]));
}

function conv2d(
  x: tf.Tensor4D,
  weight: tf.Tensor4D,
  bias?: tf.Tensor1D,
  { stride = 1, padding = 'same' }: Conv2dOptions = {},
): tf.Tensor4D {
  const isPadded = padding !== 'same' && padding.some((size) => size > 0);
  const [top, bottom, left, right] = isPadded ? padding : [0, 0, 0, 0];
  const others = convolution(stride, padding === 'same' ? 'SAME' : 'VALID');
  const attributes: Attribute[] = [BFLOAT16, ...others];
  return differentiable({
    inputs: { x, weight, bias },
    forward(save) {
      const padded = isPadded
        ? tf.pad(x, [
            [0, 0],
            [top, bottom],
            [left, right],
            [0, 0],
          ])
        : x;
      const images = toBfloat16(padded); // bf16 [B, H′, W′, I]
      const filter = toBfloat16(weight); // bf16 [kh, kw, I, O]
      save([images, filter]);
      const out = fromBfloat16(runOp('Conv2D', attributes, [images, filter]));
      return bias ? tf.add(out, bias) : out;
    },
    backward(dy, [images, filter]) {
      const dOut = toBfloat16(dy);
      return {
        x() {
          const size = tf.tensor1d(images!.shape, 'int32');
          const dPadded = fromBfloat16(runOp('Conv2DBackpropInput', attributes, [size, filter!, dOut]));
          return isPadded ? tf.slice(dPadded, [0, top, left, 0], x.shape) : dPadded;
        },
        weight() {
          const size = tf.tensor1d(filter!.shape, 'int32');
          if (addsUpFilters()) return fromBfloat16(runOp('Conv2DBackpropFilter', attributes, [images!, size, dOut]));
          const wide = [fromBfloat16(images!), size, fromBfloat16(dOut)];
          return runOp('Conv2DBackpropFilter', [FLOAT32, ...others], wide);
        },
        bias: () => tf.sum(dy, [0, 1, 2]),
      };
    },
  }) as tf.Tensor4D;
}

/** Attributes of TensorFlow's convolutions, but for their type. */
function convolution(stride: number, padding: 'SAME' | 'VALID'): Attribute[] {
  return [
    ['strides', 'INT', [1, stride, stride, 1]],
    ['padding', 'STRING', padding],
    ['data_format', 'STRING', 'NHWC'],
    ['dilations', 'INT', [1, 1, 1, 1]],
  ];
}

let filtersAddUp: boolean | undefined;

/** Whether a filter's gradient is summed in f32. On processors without AVX-512 it is in bfloat16: of many ones, 896 are left. */
function addsUpFilters(): boolean {
  filtersAddUp ??= tf.tidy(() => {
    const images = toBfloat16(tf.ones([1, 32, 32, 2]));
    const dOut = toBfloat16(tf.ones([1, 32, 32, 512]));
    const size = tf.tensor1d([1, 1, 2, 512], 'int32');
    const inputs = [images, size, dOut];
    const sums = fromBfloat16(runOp('Conv2DBackpropFilter', [BFLOAT16, ...convolution(1, 'SAME')], inputs)).dataSync();
    return sums.every((sum) => sum === 32 * 32);
  });
  return filtersAddUp;
}
