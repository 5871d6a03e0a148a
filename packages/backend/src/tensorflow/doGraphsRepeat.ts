import * as tf from '@tensorflow/tfjs';
import type { Backend, ModelDtype } from '../backend.js';
import type { Ops } from '../ops/ops.js';
import { runTidy } from '../plan/eagerPlan.js';
import type { TensorFunction } from '../plan/plan.js';
import { sameBits } from '../plan/sameBits.js';
import { packWeight } from './packWeight.js';
import { type GraphOptions, TensorflowGraph } from './tensorflowGraph.js';

const found = new Map<ModelDtype, boolean>();

/**
 * Whether this library's graphs give the bits of their ops called one by one: tried once a dtype, in small, on what networks are
 * made of. With TensorFlow 2.15 they do; another version may choose or fuse its kernels otherwise.
 */
export function doGraphsRepeat(
  { ops, dtype }: Pick<Backend, 'ops' | 'dtype'>,
  withFile: GraphOptions['withFile'],
): boolean {
  const known = found.get(dtype) ?? tryGraph(network(ops, dtype), withFile);
  found.set(dtype, known);
  return known;
}

function tryGraph(fn: TensorFunction, withFile: GraphOptions['withFile']): boolean {
  let graph: TensorflowGraph | undefined;
  try {
    return tf.tidy(() => {
      const inputs = (seed: number) => [
        tf.randomNormal([2, 25, 48], 0, 1, 'float32', seed),
        tf.randomNormal([48, 96], 0, 0.2, 'float32', seed),
        tf.randomNormal([3, 3, 48, 16], 0, 0.1, 'float32', seed),
        tf.randomNormal([48], 1, 0.1, 'float32', seed),
      ];
      graph = new TensorflowGraph(fn, inputs(1), { withFile, numCalls: 1 });
      const others = inputs(2);
      const got = graph.run(others);
      const wanted = runTidy(() => fn(...others));
      return got.every((output, i) => sameBits(output.dataSync(), wanted[i]!.dataSync()));
    });
  } catch {
    return false;
  } finally {
    graph?.dispose();
  }
}

/** Of inputs f32 [2, 25, 48], [48, 96], [3, 3, 48, 16], [48]. */
function network(ops: Ops, dtype: ModelDtype): TensorFunction {
  return (...inputs) => {
    const [x, matrix, filter, gain] = inputs as [tf.Tensor3D, tf.Tensor2D, tf.Tensor4D, tf.Tensor1D];
    const grid = tf.reshape(x, [2, 5, 5, 48]) as tf.Tensor4D;
    const mixed = ops.gelu(x) as tf.Tensor3D;
    const keyMask = tf.ones([2, 25]) as tf.Tensor2D;
    const bias = tf.slice(gain, 0, 16) as tf.Tensor1D;
    const outputs = [
      ops.linear(ops.layerNorm(x, gain), matrix, tf.concat1d([gain, gain])),
      ops.fusedLinear(ops.rmsNorm(x, gain), matrix, { activation: 'geglu', residual: x }),
      ops.attention(x, mixed, x, { numHeads: 3 }),
      ops.attention(x, mixed, x, { numHeads: 3, keyMask }),
      tf.softmax(tf.mul(tf.mul(ops.silu(ops.geluTanh(x)), 0.7), 0.3)),
      ops.normSiluConv2d(grid, { weight: gain, bias: gain, numGroups: 8 }, filter, { bias }),
      tf.depthwiseConv2d(grid, tf.slice(filter, 0, [3, 3, 48, 1]), 1, 'same'),
    ];
    if (dtype !== 'bf16') return outputs;
    const packed = packWeight(matrix, 'bf16') as tf.Tensor2D;
    return [...outputs, ops.fusedLinear(mixed, packed, { activation: 'geglu', residual: x })];
  };
}
