import * as tf from '@tensorflow/tfjs';
import { type Attribute, nodeBackend, runOp, TfDataType } from './eager.js';

interface Op {
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

const FLOAT: Attribute = ['T', 'TYPE', TfDataType.float32];
const SOFTMAX: Op = { name: 'Softmax', attributes: [FLOAT] };
/** Known to graphs by their names alone, and to eager calls by the label under which their kernels are registered as well. */
const ONEDNN_SOFTMAX: Op = { name: '_MklSoftmax', attributes: [FLOAT, ['_kernel', 'STRING', 'MklNameChangeOp']] };
const ONEDNN_SILU: Op = { name: '_MklSwish', attributes: [FLOAT, ['_kernel', 'STRING', '']] };

const found = new Map<Op, boolean>();

/**
 * The softmax over the last axis of f32 [...], at most five axes: oneDNN's where the library has it. It takes two fifths of the
 * time of TensorFlow's own, which in a graph becomes oneDNN's by itself: so both give the same bits.
 */
export function softmaxOp(): Op {
  return has(ONEDNN_SOFTMAX) ? ONEDNN_SOFTMAX : SOFTMAX;
}

/** x·σ(x) of f32 [...] by oneDNN, in two fifths of the time of TensorFlow's two ops and without the memory of σ(x); nothing without it. */
export function siluOp(): Op | undefined {
  return has(ONEDNN_SILU) ? ONEDNN_SILU : undefined;
}

function has(op: Op): boolean {
  // With a GPU these kernels would run on the processor all the same, on copies.
  const isThere = found.get(op) ?? (!nodeBackend().isUsingGpuDevice && runs(op));
  found.set(op, isThere);
  return isThere;
}

function runs({ name, attributes }: Op): boolean {
  try {
    tf.tidy(() => {
      runOp(name, attributes, [tf.zeros([1, 1])]);
    });
    return true;
  } catch {
    return false;
  }
}
