import * as tf from '@tensorflow/tfjs';
import { matMul } from './matMul.js';
import { uninitialized, view } from './wasmHeap.js';

/**
 * Sum or Mean over neighbouring axes that others follow (rows of a batch, pixels of an image), as a product with a row of ones. tfjs
 * transposes its input for them, which takes many times as long as the sum.
 */
export function reduce(kind: 'sum' | 'mean'): (original: tf.KernelFunc | undefined) => tf.KernelFunc {
  return (original) => (call) => {
    const { x } = call.inputs as { x: tf.Tensor };
    const { axis, keepDims } = call.attrs as unknown as { axis: number | number[]; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
    const [first, end] = [axes[0] ?? 0, (axes.at(-1) ?? 0) + 1];
    const sizeOf = (from: number, to: number) => tf.util.sizeFromShape(x.shape.slice(from, to));
    const [size, K, N] = [sizeOf(0, first), sizeOf(first, end), sizeOf(end, x.rank)];
    const areNeighbours = axes.length > 0 && end - first === axes.length;
    if (!areNeighbours || N <= 1 || x.size === 0 || x.dtype !== 'float32') return original!(call);

    const ones = uninitialized([1, K]);
    view(ones).fill(1);
    const kept = keepDims ? axes.map(() => 1) : [];
    const shape = [...x.shape.slice(0, first), ...kept, ...x.shape.slice(end)];
    const out = matMul({ a: ones, b: x, shape, sizes: { M: 1, K, N }, batch: { size, a: 1, b: size } });
    ones.dispose();
    if (kind === 'mean') {
      const means = view(out);
      for (let i = 0; i < means.length; i++) means[i]! /= K;
    }
    return out;
  };
}
