import type * as tf from '@tensorflow/tfjs';
import {
  type Attribute,
  castAttributes,
  describe,
  dtypeOf,
  type Handle,
  nodeBackend,
  TfDataType,
  toTensor,
} from './eager.js';
import { layerNormOp, siluOp, softmaxOp } from './oneDnnOps.js';

const typeOf = ({ dtype }: Handle): Attribute => ['T', 'TYPE', dtype];
const intType = (name: string): Attribute => [name, 'TYPE', TfDataType.int32];

/** Constants by their type and values. A process uses few: scalars, axes, shapes. */
const constants = new Map<string, Handle>();

/**
 * Several TensorFlow ops in a row, of which tfjs sees the result alone: an op of tfjs costs some 0.1 ms of JavaScript, and as
 * much again for each number or shape that it is given. Everything is f32, or bfloat16 where the body says so; no gradient is
 * recorded.
 *
 * An intermediate result is freed by the op that reads it: one that several read says so (`twice`).
 */
export function runProgram(
  inputs: readonly tf.TensorInfo[],
  body: (run: EagerProgram, ...inputs: Handle[]) => Handle,
): tf.Tensor {
  const ids = nodeBackend().getInputTensorIds([...inputs]);
  const handles = inputs.map((input, i) => ({ id: ids[i]!, shape: input.shape, dtype: dtypeOf(input) }));
  const program = new EagerProgram();
  try {
    return toTensor(program.take(body(program, ...handles)));
  } finally {
    program.free();
  }
}

export class EagerProgram {
  /** Of each intermediate result how often it is still to be read. */
  readonly #reads = new Map<Handle, number>();

  /** The result is read twice. */
  twice(handle: Handle): Handle {
    const reads = this.#reads.get(handle);
    if (reads !== undefined) this.#reads.set(handle, reads + 1);
    return handle;
  }

  /** x of [..., I] times a matrix [I, O], or [O, I] where turned, of the same type, as [M, O]. */
  matMul(x: Handle, matrix: Handle, isTurned: boolean): Handle {
    const I = x.shape.at(-1)!;
    const rows = this.reshape(x, [sizeOf(x) / I, I]);
    const attributes: Attribute[] = [typeOf(matrix), ['transpose_a', 'BOOL', false], ['transpose_b', 'BOOL', isTurned]];
    return this.#run('MatMul', attributes, [rows, matrix]);
  }

  /** Rounded to bfloat16. */
  narrow(x: Handle): Handle {
    return this.#cast(x, TfDataType.bfloat16);
  }

  /** As f32; of integers, too. */
  widen(x: Handle): Handle {
    return this.#cast(x, TfDataType.float32);
  }

  /** Products of matrices, [..., M, K] times [..., K, N], or [..., N, K] where turned. */
  batchMatMul(a: Handle, b: Handle, isTurned: boolean): Handle {
    return this.#run('BatchMatMulV2', [typeOf(a), ['adj_x', 'BOOL', false], ['adj_y', 'BOOL', isTurned]], [a, b]);
  }

  reshape(x: Handle, shape: readonly number[]): Handle {
    const isSame = shape.length === x.shape.length && shape.every((size, axis) => size === x.shape[axis]);
    return isSame ? x : this.#run('Reshape', [typeOf(x), intType('Tshape')], [x, integers(shape)]);
  }

  transpose(x: Handle, order: readonly number[]): Handle {
    return this.#run('Transpose', [typeOf(x), intType('Tperm')], [x, integers(order)]);
  }

  /** The halves of an axis; of the first they share the memory of x. */
  halves(x: Handle, axis: number): [Handle, Handle] {
    return this.#runForAll('Split', [typeOf(x), ['num_split', 'INT', 2]], [integer(axis), x], 2) as [Handle, Handle];
  }

  /** Over the last axis, which stays with size 1. */
  reduce(op: 'Max' | 'Mean' | 'Sum', x: Handle): Handle {
    const attributes: Attribute[] = [typeOf(x), intType('Tidx'), ['keep_dims', 'BOOL', true]];
    return this.#run(op, attributes, [x, integers([x.shape.length - 1])]);
  }

  /** The sums of all up to each along the last axis, or of all before each. */
  cumulate(x: Handle, isExclusive = false): Handle {
    const attributes: Attribute[] = [
      ['exclusive', 'BOOL', isExclusive],
      ['reverse', 'BOOL', false],
    ];
    return this.#run('Cumsum', [typeOf(x), intType('Tidx'), ...attributes], [x, integer(x.shape.length - 1)]);
  }

  /** Of rows [M, N] in rising order and values [M, 1] how many of a row are at most its value, i32 [M, 1]. */
  countUpTo(rows: Handle, values: Handle): Handle {
    return this.#run('UpperBound', [typeOf(rows), intType('out_type')], [rows, values]);
  }

  /** Of each x [M, N, ...] what is at its index, i32 [M, 1]: [M, 1, ...]. */
  pick(x: Handle, indices: Handle): Handle {
    return this.#gather(x, indices, 1);
  }

  /** Of x [M, N] its last column, [M, 1]. */
  lastOf(x: Handle): Handle {
    return this.#gather(x, integers([x.shape[1]! - 1]), 0);
  }

  /** [M, 1] and [M, 1] as [M, 2]. */
  columns(a: Handle, b: Handle): Handle {
    return this.#run('ConcatV2', [typeOf(a), intType('Tidx'), ['N', 'INT', 2]], [a, b, integer(1)]);
  }

  /** (x − mean) / √(variance + ε) over the last axis of f32, where the library has it in one op. */
  layerNormal(x: Handle, epsilon: number): Handle | undefined {
    const op = layerNormOp();
    if (!op) return undefined;
    const width = x.shape.at(-1)!;
    return this.#run(
      op.name,
      [...op.attributes, ['epsilon', 'FLOAT', epsilon]],
      [x, filled(width, 1), filled(width, 0)],
    );
  }

  /** Over the last axis. */
  softmax(x: Handle): Handle {
    const { name, attributes } = softmaxOp(x.dtype);
    return this.#run(name, attributes, [x]);
  }

  /** x·σ(x) */
  silu(x: Handle): Handle {
    const op = siluOp();
    if (op) return this.#run(op.name, op.attributes, [x]);
    this.twice(x);
    return this.mul(this.map('Sigmoid', x), x);
  }

  add(a: Handle, b: Handle | number): Handle {
    return this.#run('AddV2', [typeOf(a)], [a, this.#operand(b, a.dtype)]);
  }

  sub(a: Handle, b: Handle): Handle {
    return this.#run('Sub', [typeOf(a)], [a, b]);
  }

  mul(a: Handle, b: Handle | number): Handle {
    return this.#run('Mul', [typeOf(a)], [a, this.#operand(b, a.dtype)]);
  }

  div(a: Handle, b: Handle): Handle {
    return this.#run('RealDiv', [typeOf(a)], [a, b]);
  }

  max(a: Handle, b: Handle | number): Handle {
    return this.#run('Maximum', [typeOf(a)], [a, this.#operand(b, a.dtype)]);
  }

  min(a: Handle, b: Handle | number): Handle {
    return this.#run('Minimum', [typeOf(a)], [a, this.#operand(b, a.dtype)]);
  }

  equal(a: Handle, b: Handle | number): Handle {
    return this.#run('Equal', [typeOf(a), ['incompatible_shape_error', 'BOOL', true]], [a, this.#operand(b, a.dtype)]);
  }

  /** Of a where it is so, else of b. */
  select(isSo: Handle, a: Handle, b: Handle): Handle {
    return this.#run('SelectV2', [typeOf(a)], [isSo, a, b]);
  }

  map(op: 'Erf' | 'Exp' | 'Log' | 'Tanh' | 'Sigmoid' | 'Square' | 'Rsqrt', x: Handle): Handle {
    return this.#run(op, [typeOf(x)], [x]);
  }

  /** Takes the result out of what `free` frees. */
  take(result: Handle): Handle {
    if (!this.#reads.delete(result)) throw new Error('expected a result that the program has made and not read');
    return result;
  }

  free(): void {
    for (const handle of this.#reads.keys()) nodeBackend().binding.deleteTensor(handle.id);
    this.#reads.clear();
  }

  #cast(x: Handle, dtype: TfDataType): Handle {
    return x.dtype === dtype ? x : this.#run('Cast', castAttributes(x.dtype, dtype), [x]);
  }

  #gather(x: Handle, indices: Handle, numBatchAxes: number): Handle {
    const attributes: Attribute[] = [['Tparams', 'TYPE', x.dtype], intType('Tindices'), intType('Taxis')];
    return this.#run('GatherV2', [...attributes, ['batch_dims', 'INT', numBatchAxes]], [x, indices, integer(1)]);
  }

  #operand(value: Handle | number, dtype: number): Handle {
    if (typeof value !== 'number') return value;
    if (dtype === TfDataType.int32) return integer(value);
    const scalar = constant([], TfDataType.float32, [value]);
    return dtype === TfDataType.bfloat16 ? this.narrow(scalar) : scalar;
  }

  #run(name: string, attributes: readonly Attribute[], inputs: readonly Handle[]): Handle {
    return this.#runForAll(name, attributes, inputs, 1)[0]!;
  }

  #runForAll(name: string, attributes: readonly Attribute[], inputs: readonly Handle[], numOutputs: number): Handle[] {
    const { binding } = nodeBackend();
    const ids = inputs.map(({ id }) => id);
    const outputs = binding.executeOp(name, describe(attributes), ids, numOutputs);
    for (const output of outputs) this.#reads.set(output, 1);
    for (const input of inputs) this.#read(input);
    return outputs;
  }

  #read(input: Handle): void {
    const reads = this.#reads.get(input);
    if (reads === undefined) return; // an input of the program, or a constant
    if (reads > 1) {
      this.#reads.set(input, reads - 1);
    } else {
      this.#reads.delete(input);
      nodeBackend().binding.deleteTensor(input.id);
    }
  }
}

function integer(value: number): Handle {
  return constant([], TfDataType.int32, [value]);
}

function integers(values: readonly number[]): Handle {
  return constant([values.length], TfDataType.int32, values);
}

function constant(shape: readonly number[], dtype: TfDataType, values: readonly number[]): Handle {
  return remembered(`${dtype} [${shape}] ${values}`, shape, dtype, () => values);
}

function filled(length: number, value: number): Handle {
  return remembered(`${length} times ${value}`, [length], TfDataType.float32, () => Array(length).fill(value));
}

function remembered(key: string, shape: readonly number[], dtype: TfDataType, values: () => readonly number[]): Handle {
  let handle = constants.get(key);
  if (!handle) {
    const data = dtype === TfDataType.int32 ? Int32Array.from(values()) : Float32Array.from(values());
    handle = { id: nodeBackend().binding.createTensor(shape, dtype, data), shape, dtype };
    constants.set(key, handle);
  }
  return handle;
}

/** A constant that programs have read in this process. */
export function programConstant(id: number): Handle {
  for (const handle of constants.values()) if (handle.id === id) return handle;
  throw new Error(`expected the id of a constant, got ${id}`);
}

function sizeOf({ shape }: Handle): number {
  return shape.reduce((product, size) => product * size, 1);
}
