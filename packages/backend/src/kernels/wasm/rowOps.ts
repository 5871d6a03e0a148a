import type * as tf from '@tensorflow/tfjs';
import type { Modulation } from '../../ops/ops.js';
import { activationNumbers, type KernelActivation } from './matMul.js';
import { uninitialized } from './wasmHeap.js';
import { floatBits, type KernelName, wasmKernels } from './wasmKernels.js';

/** Numbers that a task goes through: enough to be worth handing to a thread. */
const TASK_SIZE = 16384;

/** Runs a kernel over rows in groups; the number of rows in a group is its last argument. */
function runRows(kernel: KernelName, sizes: { numRows: number; width: number }, args: (number | undefined)[]): void {
  const tileRows = Math.max(1, Math.floor(TASK_SIZE / sizes.width));
  wasmKernels().run({ kernel, numTasks: Math.ceil(sizes.numRows / tileRows), args: [...args, tileRows] });
}

export interface RowNorm {
  readonly kind: 'layer' | 'rms';
  readonly bias?: tf.Tensor1D | undefined;
  readonly epsilon?: number | undefined;
  readonly modulation?: Modulation | undefined;
}

/** A norm over the last axis, and its modulation by a condition. @param x f32 [..., D] @param weight f32 [D] */
export function rowNorm(x: tf.Tensor, weight: tf.Tensor1D, { kind, bias, epsilon = 1e-6, modulation }: RowNorm) {
  const kernels = wasmKernels();
  const out = uninitialized(x.shape);
  const width = weight.size;
  const numRows = x.size / width;
  const address = (tensor: tf.Tensor | undefined) => tensor && kernels.address(tensor);
  runRows('rowNorm', { numRows, width }, [
    ...[address(x), address(out), numRows, width, Number(kind === 'layer'), floatBits(epsilon), address(weight)],
    ...[address(bias), address(modulation?.scale), address(modulation?.shift)],
    modulation ? numRows / modulation.scale.shape[0]! : 1,
  ]);
  return out;
}

/** @param x f32 [..., F] */
export function activation(name: KernelActivation, x: tf.Tensor): tf.Tensor {
  return runActivation(name, x, uninitialized(x.shape), false);
}

/** First half of the last axis times the exact GELU of the second. @param x f32 [..., 2F] @returns f32 [..., F] */
export function geglu(x: tf.Tensor): tf.Tensor {
  return runActivation('gelu', x, uninitialized([...x.shape.slice(0, -1), x.shape.at(-1)! / 2]), true);
}

function runActivation(name: KernelActivation, x: tf.Tensor, out: tf.Tensor, isGated: boolean): tf.Tensor {
  const kernels = wasmKernels();
  const width = out.shape.at(-1) ?? 1;
  const numRows = out.size / width;
  const addresses = [kernels.address(x), kernels.address(out)];
  runRows('activation', { numRows, width }, [...addresses, numRows, width, activationNumbers[name], Number(isGated)]);
  return out;
}

/** @param logits f32 [M, V] @param labels i32 [M] @returns f32 [M] */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, labelSmoothing = 0): tf.Tensor1D {
  const kernels = wasmKernels();
  const [numRows, width] = logits.shape;
  const out = uninitialized([numRows]) as tf.Tensor1D;
  const addresses = [logits, labels, out].map((tensor) => kernels.address(tensor));
  runRows('crossEntropy', { numRows, width }, [...addresses, numRows, width, floatBits(labelSmoothing)]);
  return out;
}

/** Rows of a table. @param table f32 [V, D] @param ids i32 [...] in [0, V) @returns f32 [..., D] */
export function gatherRows(table: tf.Tensor2D, ids: tf.Tensor): tf.Tensor {
  const kernels = wasmKernels();
  const width = table.shape[1];
  const out = uninitialized([...ids.shape, width]);
  const addresses = [table, ids, out].map((tensor) => kernels.address(tensor));
  runRows('gather', { numRows: ids.size, width }, [...addresses, ids.size, width]);
  return out;
}
