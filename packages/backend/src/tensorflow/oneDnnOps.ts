import * as tf from '@tensorflow/tfjs';
import { type Attribute, nodeBackend, runOp, TfDataType, toBfloat16 } from './eager.js';

interface Op {
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

/** By name and type: what was found, or nothing. */
const found = new Map<string, Op | undefined>();

/**
 * The softmax over the last axis of [...], f32 or bfloat16, at most five axes: oneDNN's where the library has it. It takes two fifths of
 * the time of TensorFlow's own, which in a graph becomes oneDNN's by itself: so both give the same bits.
 */
export function softmaxOp(dtype: number = TfDataType.float32): Op {
  return find('_MklSoftmax', 'MklNameChangeOp', dtype) ?? { name: 'Softmax', attributes: [['T', 'TYPE', dtype]] };
}

/** x·σ(x) of f32 [...] by oneDNN, in two fifths of the time of TensorFlow's two ops and without the memory of σ(x); nothing without it. */
export function siluOp(): Op | undefined {
  return find('_MklSwish', '');
}

/** The layer norm over the last axis of f32 [..., D], times [D], plus [D], by oneDNN in a third of the time; nothing without it. */
export function layerNormOp(): Op | undefined {
  return find('_MklLayerNorm', '', TfDataType.float32, [[1], [1]]);
}

/**
 * oneDNN's ops are known to graphs by their names alone, and to eager calls by the label under which their kernels are registered as
 * well.
 *
 * @param others shapes of inputs beside the first
 */
function find(
  name: string,
  label: string,
  dtype: number = TfDataType.float32,
  others: number[][] = [],
): Op | undefined {
  const key = `${name} ${dtype}`;
  if (!found.has(key)) {
    const attributes: Attribute[] = [
      ['T', 'TYPE', dtype],
      ['_kernel', 'STRING', label],
    ];
    const op = { name, attributes };
    // With a GPU these kernels would run on the processor all the same, on copies.
    found.set(key, !nodeBackend().isUsingGpuDevice && runs(op, dtype, others) ? op : undefined);
  }
  return found.get(key);
}

function runs({ name, attributes }: Op, dtype: number, others: readonly number[][]): boolean {
  try {
    tf.tidy(() => {
      const inputs = [[1, 1], ...others].map((shape) => tf.zeros(shape));
      runOp(name, attributes, dtype === TfDataType.bfloat16 ? inputs.map(toBfloat16) : inputs);
    });
    return true;
  } catch {
    return false;
  }
}
