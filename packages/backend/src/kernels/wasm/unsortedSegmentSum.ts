import * as tf from '@tensorflow/tfjs';
import { uninitialized, view } from './wasmHeap.js';

/** UnsortedSegmentSum, the gradient of gather, which tfjs has no wasm kernel for. Rows with a negative id are dropped. */
export function unsortedSegmentSum(): tf.KernelFunc {
  return ({ inputs, attrs }) => {
    const { x, segmentIds } = inputs as { x: tf.Tensor; segmentIds: tf.Tensor };
    const { numSegments } = attrs as unknown as { numSegments: number };
    const rowShape = x.shape.slice(segmentIds.rank);
    const width = tf.util.sizeFromShape(rowShape);
    const out = uninitialized([numSegments, ...rowShape]);
    const sums = view(out).fill(0);
    const rows = view(x);
    view(segmentIds).forEach((segment, row) => {
      if (segment < 0 || segment >= numSegments) return;
      const to = segment * width;
      const from = row * width;
      for (let i = 0; i < width; i++) sums[to + i]! += rows[from + i]!;
    });
    return out;
  };
}
