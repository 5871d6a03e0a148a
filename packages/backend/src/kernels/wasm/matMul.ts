import type * as tf from '@tensorflow/tfjs';
import { uninitialized } from './wasmHeap.js';
import { wasmKernels } from './wasmKernels.js';

/** By the numbers of assembly/activations.ts. */
export const activationNumbers = { gelu: 1, geluTanh: 2, silu: 3 } as const;
export type KernelActivation = keyof typeof activationNumbers;

export interface Product {
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  /** Of the result. */
  readonly shape: number[];
  readonly sizes: { readonly M: number; readonly K: number; readonly N: number };
  /** a is stored as [..., K, M]. */
  readonly transposeA?: boolean;
  /** b is stored as [..., N, K]. */
  readonly transposeB?: boolean;
  /** Items, and how many of each operand: 1 where it is the same for all. */
  readonly batch?: { readonly size: number; readonly a: number; readonly b: number };
  readonly bias?: tf.TensorInfo | undefined;
  readonly activation?: KernelActivation | undefined;
  readonly residual?: tf.TensorInfo | undefined;
}

/** Rows and columns of a task: a block of a that stays in the cache while panels of b go by. */
const TILE_ROWS = 128;
const TILE_COLUMNS = 64;
/** Panel and edge tile, GEMM_SCRATCH_BYTES in assembly/gemm.ts. */
export const GEMM_SCRATCH_BYTES = 256 * 8 * 4 + 4 * 8 * 4;

/** activation(a·b + bias) + residual. @returns f32 `shape` */
export function matMul(product: Product): tf.Tensor {
  const { a, b, shape, bias, activation, residual, transposeA = false, transposeB = false } = product;
  const { M, K, N } = product.sizes;
  const { batch = { size: 1, a: 1, b: 1 } } = product;
  const kernels = wasmKernels();
  const out = uninitialized(shape);
  const tileRows = Math.min(TILE_ROWS, M);
  const address = (tensor: tf.TensorInfo | undefined) => tensor && kernels.address(tensor);
  kernels.run({
    kernel: 'matMul',
    numTasks: batch.size * Math.ceil(M / tileRows) * Math.ceil(N / TILE_COLUMNS),
    args: [
      ...[address(a), address(b), address(out), M, K, N, transposeA ? M : K, transposeB ? K : N, N],
      ...[Number(transposeA), Number(transposeB), batch.a === 1 ? 0 : M * K, batch.b === 1 ? 0 : K * N, M * N],
      ...[tileRows, TILE_COLUMNS, address(bias), activation && activationNumbers[activation], address(residual)],
    ],
    scratchBytes: GEMM_SCRATCH_BYTES + (transposeA ? tileRows * K * 4 : 0),
  });
  return out;
}
