import type * as tf from '@tensorflow/tfjs';
import type { GroupNormParameters } from '../../ops/ops.js';
import { uninitialized } from './wasmHeap.js';
import { floatBits, wasmKernels } from './wasmKernels.js';

/** Numbers in a chunk of pixels, which is read twice while it is in the cache. Part of the result's bits. */
const CHUNK_SIZE = 16384;

/** Group norm, and SiLU of it if wanted. @param x f32 [B, H, W, C] */
export function groupNorm(x: tf.Tensor4D, norm: GroupNormParameters, isActivated: boolean): tf.Tensor4D {
  const { weight, bias, numGroups, epsilon = 1e-6 } = norm;
  const [B, H, W, C] = x.shape;
  const kernels = wasmKernels();
  const numPixels = H * W;
  const chunkPixels = Math.min(numPixels, Math.max(1, Math.floor(CHUNK_SIZE / C)));
  const numChunks = B * Math.ceil(numPixels / chunkPixels);
  const out = uninitialized(x.shape) as tf.Tensor4D;
  const moments = uninitialized([numChunks, 2, C]);
  const slopes = uninitialized([B, 2, C]);
  const [xAt, outAt, momentsAt, slopesAt] = [x, out, moments, slopes].map((tensor) => kernels.address(tensor));
  kernels.run({ kernel: 'chunkMoments', numTasks: numChunks, args: [xAt, momentsAt, numPixels, C, chunkPixels] });
  kernels.run({
    kernel: 'groupSlopes',
    numTasks: B * numGroups,
    args: [
      ...[momentsAt, slopesAt, numPixels, C, chunkPixels, numGroups, floatBits(epsilon)],
      ...[kernels.address(weight), kernels.address(bias)],
    ],
  });
  const args = [xAt, slopesAt, outAt, numPixels, C, chunkPixels, Number(isActivated)];
  kernels.run({ kernel: 'groupApply', numTasks: numChunks, args });
  moments.dispose();
  slopes.dispose();
  return out;
}

/** Each pixel repeated along both axes. @param x f32 [B, H, W, C] @returns f32 [B, H·scale, W·scale, C] */
export function upsampleNearest(x: tf.Tensor4D, scale: number): tf.Tensor4D {
  const [B, H, W, C] = x.shape;
  const kernels = wasmKernels();
  const out = uninitialized([B, H * scale, W * scale, C]) as tf.Tensor4D;
  kernels.run({ kernel: 'upsample', numTasks: B * H, args: [kernels.address(x), kernels.address(out), W, C, scale] });
  return out;
}
