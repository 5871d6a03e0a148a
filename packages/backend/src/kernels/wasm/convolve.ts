import type * as tf from '@tensorflow/tfjs';
import { GEMM_SCRATCH_BYTES, matMul } from './matMul.js';
import { uninitialized } from './wasmHeap.js';
import { wasmKernels } from './wasmKernels.js';

export interface Convolution {
  /** f32 [B, H, W, I] */
  readonly x: tf.TensorInfo;
  /** f32 [kh, kw, I, O] */
  readonly filter: tf.TensorInfo;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly strides: readonly [height: number, width: number];
  /** Zeros above and to the left; below and to the right there are as many as the result needs. */
  readonly padding: readonly [top: number, left: number];
  readonly bias?: tf.TensorInfo | undefined;
  /** f32 [B, outHeight, outWidth, O] */
  readonly residual?: tf.TensorInfo | undefined;
}

/** Where the pixels of a quarter of an image go: every second one of `image`, from this row and column on. */
interface Quarter {
  readonly image: tf.Tensor;
  readonly row: 0 | 1;
  readonly column: 0 | 1;
}

/** Pixels of a task: windows that stay in the cache while panels of the filter go by, and enough to pack a panel for. */
const MAX_PIXELS = 128;
const MIN_PIXELS = 64;
/** Output channels of a task where there are few pixels: enough to gather windows for. */
const MIN_CHANNELS = 64;
/** As many tasks as keep threads busy to the end, where there is enough for them to do. */
const MIN_TASKS = 16;
/** Depth of the windows that are gathered at once, BLOCK_DEPTH in assembly/gemm.ts. */
const BLOCK_DEPTH = 256;

/** A convolution, channels last, with what follows it. @returns f32 [B, outHeight, outWidth, O] */
export function convolve(convolution: Convolution): tf.Tensor4D {
  const { x, filter, outHeight, outWidth, strides, padding, bias, residual } = convolution;
  const [B, H, W, I] = x.shape as [number, number, number, number];
  const [kernelHeight, kernelWidth, , O] = filter.shape as [number, number, number, number];
  const shape = [B, outHeight, outWidth, O];
  const isPointwise = kernelHeight * kernelWidth * strides[0] * strides[1] === 1;
  if (isPointwise && padding[0] === 0 && padding[1] === 0 && outHeight === H && outWidth === W) {
    return matMul({ a: x, b: filter, shape, sizes: { M: B * H * W, K: I, N: O }, bias, residual }) as tf.Tensor4D;
  }
  const out = uninitialized(shape) as tf.Tensor4D;
  runConvolution(convolution, out);
  return out;
}

/**
 * Each pixel repeated twice along both axes, then a 3 × 3 convolution: every second pixel of the result along both axes is
 * a 2 × 2 convolution of the small image, so four of them do it with 4⁄9 of the products.
 *
 * @param x f32 [B, H, W, I] @param filter f32 [3, 3, I, O] @returns f32 [B, 2H, 2W, O]
 */
export function convolveUpsampled(x: tf.TensorInfo, filter: tf.TensorInfo, bias?: tf.TensorInfo): tf.Tensor4D {
  const [B, H, W] = x.shape as [number, number, number, number];
  const [, , I, O] = filter.shape as [number, number, number, number];
  const kernels = wasmKernels();
  const image = uninitialized([B, 2 * H, 2 * W, O]) as tf.Tensor4D;
  const quarterFilter = uninitialized([2, 2, I, O]);
  for (const row of [0, 1] as const) {
    for (const column of [0, 1] as const) {
      kernels.run({
        kernel: 'quarterFilter',
        numTasks: 4,
        args: [kernels.address(filter), kernels.address(quarterFilter), row, column, I * O],
      });
      const padding = [1 - row, 1 - column] as const;
      runConvolution(
        { x, filter: quarterFilter, outHeight: H, outWidth: W, strides: [1, 1], padding, bias },
        { image, row, column },
      );
    }
  }
  quarterFilter.dispose();
  return image;
}

function runConvolution(convolution: Convolution, to: tf.Tensor | Quarter): void {
  const { x, filter, outHeight, outWidth, strides, padding, bias, residual } = convolution;
  const [B, H, W, I] = x.shape as [number, number, number, number];
  const [kernelHeight, kernelWidth, , O] = filter.shape as [number, number, number, number];
  const kernels = wasmKernels();
  const numPixels = B * outHeight * outWidth;
  const tilePixels = Math.min(numPixels, MAX_PIXELS, Math.max(MIN_PIXELS, Math.ceil(numPixels / MIN_TASKS)));
  const pixelTiles = Math.ceil(numPixels / tilePixels);
  // In panels of eight.
  const tileChannels = Math.max(MIN_CHANNELS, 8 * Math.ceil(O / Math.ceil(MIN_TASKS / pixelTiles) / 8));
  const quarter = 'image' in to ? to : undefined;
  const out = 'image' in to ? to.image : to;
  kernels.run({
    kernel: 'conv2d',
    numTasks: pixelTiles * Math.ceil(O / tileChannels),
    args: [
      ...[kernels.address(x), kernels.address(filter), kernels.address(out), bias && kernels.address(bias)],
      ...[H, W, I, outHeight, outWidth, O, kernelHeight, kernelWidth, ...strides, ...padding, tilePixels, numPixels],
      ...[quarter ? 2 : 1, quarter?.row, quarter?.column, residual && kernels.address(residual), tileChannels],
    ],
    scratchBytes: GEMM_SCRATCH_BYTES + tilePixels * (BLOCK_DEPTH + (quarter ? tileChannels : 0)) * 4,
  });
}
