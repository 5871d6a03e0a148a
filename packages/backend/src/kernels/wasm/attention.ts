import * as tf from '@tensorflow/tfjs';
import type { AttentionOptions } from '../../ops/ops.js';
import { GEMM_SCRATCH_BYTES } from './matMul.js';
import { uninitialized } from './wasmHeap.js';
import { floatBits, wasmKernels } from './wasmKernels.js';

/** Queries of a task. */
const TILE_ROWS = 64;

/** Attention whose scores never leave a thread's own memory. Shapes as `Ops.attention`. */
export function attention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, options: AttentionOptions): tf.Tensor3D {
  const { numHeads, keyMask, bias } = options;
  const [B, S, width] = q.shape;
  const T = k.shape[1];
  const headDim = width / numHeads;
  const scale = options.scale ?? 1 / Math.sqrt(headDim);
  const kernels = wasmKernels();
  const out = uninitialized([B, S, width]) as tf.Tensor3D;
  const tileRows = Math.min(TILE_ROWS, S);
  const wholeBias = bias && broadcastKeys(bias, T);
  kernels.run({
    kernel: 'attention',
    numTasks: B * numHeads * Math.ceil(S / tileRows),
    args: [
      ...[q, k, v, out].map((tensor) => kernels.address(tensor)),
      ...[S, T, numHeads, headDim, floatBits(scale), tileRows, keyMask && kernels.address(keyMask)],
      ...(wholeBias ? [kernels.address(wholeBias), ...biasStrides(wholeBias)] : [0, 0, 0, 0]),
      ...[width, width, width],
    ],
    scratchBytes: GEMM_SCRATCH_BYTES + tileRows * T * 4,
  });
  if (wholeBias !== bias) wholeBias?.dispose();
  return out;
}

/** A bias that is the same for all keys, with a value for each. */
function broadcastKeys(bias: tf.Tensor, numKeys: number): tf.Tensor {
  if (bias.shape.at(-1) === numKeys) return bias;
  return tf.tile(bias, [...Array<number>(bias.rank - 1).fill(1), numKeys]);
}

/** From image to image, head to head and query to query, in elements; 0 where a bias has one value for all. */
function biasStrides({ shape }: tf.Tensor): [number, number, number] {
  const [images, heads, queries, keys] = [...Array<number>(4 - shape.length).fill(1), ...shape] as [
    number,
    number,
    number,
    number,
  ];
  return [images === 1 ? 0 : heads * queries * keys, heads === 1 ? 0 : queries * keys, queries === 1 ? 0 : keys];
}
