import type * as tf from '@tensorflow/tfjs';
import { MuseError } from '../errors.js';
import { attributeKinds, type Binding, dtypeOf, type NodeBackend, nodeBackend, TfDataType } from './eager.js';
import { programConstant } from './eagerProgram.js';
import type { GraphNode } from './savedModel.js';

/** A value of a recording: what it is called, and TensorFlow's number of its type. */
export interface RecordedValue {
  readonly name: string;
  readonly dtype: number;
}

/** The ops of one call of a function. */
export interface Recording {
  /** What the function gave; the caller's. */
  readonly results: readonly tf.Tensor[];
  /** The results as results of nodes, or as inputs. */
  readonly outputs: readonly RecordedValue[];
  /** In the order of their calls. Each op is there once for the same inputs. */
  readonly nodes: readonly GraphNode[];
  /** In their order. */
  readonly inputs: readonly RecordedValue[];
  /** What else the function reads; tensors have one reference more, so that they are not freed. */
  readonly kept: readonly Kept[];
}

interface Kept extends RecordedValue {
  readonly id: number;
  /** Absent for constants of the process, which are never freed. */
  readonly dataId?: object | undefined;
}

const place = { package: 'backend', in: 'capture' } as const;

/** Ops that give something else in each call. */
const RANDOM_OPS: ReadonlySet<string> = new Set([
  'Multinomial',
  'RandomStandardNormal',
  'RandomUniform',
  'TruncatedNormal',
]);

/** Ops that TensorFlow would make one kernel of with those that read them, which gives other bits. */
const FUSED_OPS: ReadonlySet<string> = new Set([
  'BatchMatMulV2',
  'Conv2D',
  'DepthwiseConv2dNative',
  'FusedBatchNormV3',
  'MatMul',
  'Sigmoid',
]);

/**
 * Runs a function on tfjs's backend tensorflow and writes down the TensorFlow ops that it calls.
 *
 * @param inputs what the function reads as its inputs: tensors that share their values with no others
 * @throws MuseError if it reads values or draws at random in TensorFlow: then its ops are not all that it does
 */
export function recordOps(inputs: readonly tf.Tensor[], fn: () => tf.Tensor[]): Recording {
  const backend = nodeBackend();
  const { binding } = backend;
  if (Object.hasOwn(backend, 'getInputTensorIds')) refuse('no capture inside');
  const nodes: GraphNode[] = [];
  const kept: Kept[] = [];
  /** Results of nodes by the ids of their handles, no two of which are the same. */
  const names = new Map<number, string>();
  const dataOf = new Map<number, object>();
  /** Nodes by all that they are. */
  const known = new Map<string, string>();

  const addInput = (id: number, dtype: number): RecordedValue => {
    const name = `x${names.size}`;
    names.set(id, name);
    return { name, dtype };
  };
  const addNode = (op: string, from: readonly string[], attributes: GraphNode['attributes']): string => {
    const name = `n${nodes.length}`;
    nodes.push({ name, op, inputs: from, attributes });
    return name;
  };
  /** A node that is there already serves again. */
  const addOp = (op: string, from: readonly string[], attributes: GraphNode['attributes']): string => {
    const key = JSON.stringify([op, from, attributes]);
    const name = known.get(key) ?? addNode(op, from, attributes);
    known.set(key, name);
    return name;
  };
  /** The same values, into which TensorFlow can't see when it looks for what it could fuse or compute once. */
  const addBarrier = (result: string, dtype: number): string => {
    const attributes = { dtype: { kind: 'TYPE', value: dtype }, shape: { kind: 'SHAPE', value: undefined } } as const;
    return addOp('PlaceholderWithDefault', [result], attributes);
  };
  /** What has been widened from bfloat16, by its name then. */
  const widened = new Map<string, string>();
  /** Nothing is rounded to bfloat16 that was widened from it: between ops all is f32. */
  const addCast = (from: string, attributes: GraphNode['attributes']): string => {
    const [source, target] = [attributes.SrcT?.value, attributes.DstT?.value];
    if (target === TfDataType.bfloat16 && widened.has(from)) return widened.get(from)!;
    const name = addOp('Cast', [from], attributes);
    if (source === TfDataType.bfloat16 && target === TfDataType.float32) widened.set(name, from);
    return name;
  };
  const nameOf = (id: number): string => {
    const name = names.get(id);
    if (name !== undefined) return name;
    const dataId = dataOf.get(id);
    const { dtype } = dataId ? backend.tensorMap.get(dataId) : programConstant(id);
    if (dataId) backend.incRef(dataId);
    const value = addInput(id, dtype);
    kept.push({ ...value, id, dataId });
    return value.name;
  };

  const getInputTensorIds = (tensors: tf.TensorInfo[]): number[] => {
    const ids = originalIds.call(backend, tensors);
    for (const [i, { dataId }] of tensors.entries()) dataOf.set(ids[i]!, dataId);
    return ids;
  };
  const kinds = new Map(attributeKinds.map((kind) => [binding[`TF_ATTR_${kind}`], kind]));
  const hooks: Partial<Binding> = {
    executeOp(op, attributes, ids, numOutputs) {
      if (RANDOM_OPS.has(op)) refuse(`no ${op}`);
      const from = ids.map(nameOf);
      const outputs = binding.executeOp(op, attributes, ids, numOutputs);
      const entries = attributes.map(({ name, type, value }) => [name, { kind: kinds.get(type), value }]);
      // tfjs leaves this type to TensorFlow, which finds it out where an op runs at once.
      if (op === 'ExpandDims') entries.push(['T', { kind: 'TYPE', value: outputs[0]!.dtype }]);
      const described = Object.fromEntries(entries);
      const node = op === 'Cast' ? addCast(from[0]!, described) : addOp(op, from, described);
      for (const [i, output] of outputs.entries()) {
        const result = i === 0 ? node : `${node}:${i}`;
        names.set(output.id, FUSED_OPS.has(op) ? addBarrier(result, output.dtype) : result);
      }
      return outputs;
    },
    createTensor(shape, dtype, values) {
      if (!ArrayBuffer.isView(values)) refuse('no text');
      const id = binding.createTensor(shape, dtype, values);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
      const value = { kind: 'TENSOR', value: { dtype, shape: [...shape], bytes } } as const;
      const node = addNode('Const', [], { dtype: { kind: 'TYPE', value: dtype }, value });
      names.set(id, dtype === TfDataType.float32 ? addBarrier(node, dtype) : node);
      return id;
    },
    tensorDataSync: (id) => (names.has(id) ? refuse('no reading of values') : binding.tensorDataSync(id)),
  };

  const originalIds = backend.getInputTensorIds;
  const inputIds = originalIds.call(backend, [...inputs]);
  const recordedInputs = inputIds.map((id, i) => addInput(id, dtypeOf(inputs[i]!)));
  const members = Object.entries(hooks).map(([name, value]) => [name, { value }]);
  Object.assign(backend, { getInputTensorIds, binding: Object.create(binding, Object.fromEntries(members)) });
  try {
    const results = fn();
    const outputs = getInputTensorIds(results).map((id, i) => ({ name: nameOf(id), dtype: dtypeOf(results[i]!) }));
    return { results, outputs, nodes, inputs: recordedInputs, kept };
  } catch (error) {
    releaseKept(backend, kept);
    throw error;
  } finally {
    delete (backend as Partial<NodeBackend>).getInputTensorIds;
    Object.assign(backend, { binding });
  }
}

/** Lets go of the tensors that were kept. */
export function releaseKept(backend: NodeBackend, kept: readonly Kept[]): void {
  for (const { dataId } of kept) if (dataId) backend.disposeData(dataId);
}

function refuse(expectation: string): never {
  throw new MuseError(
    place,
    `expected a function of tensors that TensorFlow's ops repeat, ${expectation}, got one that does`,
  );
}
