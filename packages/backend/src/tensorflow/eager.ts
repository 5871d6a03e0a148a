import * as tf from '@tensorflow/tfjs';

/** TensorFlow's numbers of its data types (types.proto). */
export const TfDataType = { float32: 1, int32: 3, bfloat16: 14, half: 19 } as const;
export type TfDataType = (typeof TfDataType)[keyof typeof TfDataType];

export const attributeKinds = ['TYPE', 'BOOL', 'INT', 'FLOAT', 'STRING', 'SHAPE'] as const;
type AttributeKind = (typeof attributeKinds)[number];

type AttributeValue = string | number | boolean | readonly number[] | readonly boolean[];
export type Attribute = readonly [name: string, kind: AttributeKind, value: AttributeValue];

/** An attribute as the binding takes it. */
export interface OpAttribute {
  readonly name: string;
  /** `TF_ATTR_…` */
  readonly type: number;
  readonly value: AttributeValue;
}

/** A tensor inside libtensorflow. */
export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: number;
}

/** tfjs-node's addon. */
export type Binding = Readonly<Record<`TF_ATTR_${AttributeKind}`, number>> & {
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: readonly number[], numOutputs: number): Handle[];
  createTensor(shape: readonly number[], dtype: number, values: Values | readonly string[]): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Values;
  /** @returns the id of its session */
  loadSavedModel(folder: string, tag: string): number;
  deleteSavedModel(session: number): void;
  /** @param inputNames, outputNames `name:index`, joined by commas */
  runSavedModel(session: number, inputs: readonly number[], inputNames: string, outputNames: string): Handle[];
};

type Values = Float32Array | Int32Array | Uint8Array;

/** The part of tfjs-node's backend that runs TensorFlow's ops by their names. */
export interface NodeBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  readonly tensorMap: {
    get(dataId: object): { readonly dtype: number };
    set(dataId: object, data: object): void;
  };
  getInputTensorIds(tensors: tf.TensorInfo[]): number[];
  incRef(dataId: object): void;
  disposeData(dataId: object): boolean;
}

/**
 * Runs one TensorFlow op eagerly by its name.
 *
 * @returns a tensor that `tf.tidy` and the gradient tape own as usual. tfjs has no bfloat16: a result of that type says
 * `float32`, and only other calls of `runOp` and `fromBfloat16` may read it.
 */
export function runOp(name: string, attributes: readonly Attribute[], inputs: tf.TensorInfo[]): tf.Tensor {
  return runOpForAll(name, attributes, inputs, 1)[0]!;
}

/** As `runOp`, for an op with several results. */
export function runOpForAll(
  name: string,
  attributes: readonly Attribute[],
  inputs: tf.TensorInfo[],
  numOutputs: number,
): tf.Tensor[] {
  const ids = nodeBackend().getInputTensorIds(inputs);
  return nodeBackend()
    .binding.executeOp(name, describe(attributes), ids, numOutputs)
    .map((handle) => toTensor(handle));
}

export function nodeBackend(): NodeBackend {
  return tf.findBackend('tensorflow') as unknown as NodeBackend;
}

/** TensorFlow's number of what a tensor is. */
export function dtypeOf({ dataId }: tf.TensorInfo): number {
  return nodeBackend().tensorMap.get(dataId).dtype;
}

/** Attributes as the binding takes them. */
export function describe(attributes: readonly Attribute[]): OpAttribute[] {
  const { binding } = nodeBackend();
  return attributes.map(([name, kind, value]) => ({ name, type: binding[`TF_ATTR_${kind}`], value }));
}

/**
 * What libtensorflow has made, as a tensor of tfjs, which owns it from then on.
 *
 * @param tfjsDtype what tfjs is told that it is
 */
export function toTensor(
  { id, shape, dtype }: Handle,
  tfjsDtype: tf.DataType = dtype === TfDataType.int32 ? 'int32' : 'float32',
): tf.Tensor {
  const dataId = {};
  nodeBackend().tensorMap.set(dataId, { shape, dtype, id, values: null, refCount: 1 });
  return tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype: tfjsDtype });
}

/** f32 rounded to bfloat16, 8 bits of mantissa. */
export function toBfloat16(x: tf.Tensor): tf.Tensor {
  return cast(x, TfDataType.bfloat16);
}

/** bfloat16 widened to f32. */
export function fromBfloat16(x: tf.Tensor): tf.Tensor {
  return cast(x, TfDataType.float32);
}

/** As another type of floats, rounded to the nearest. */
export function cast(x: tf.Tensor, to: TfDataType): tf.Tensor {
  return runOp('Cast', castAttributes(dtypeOf(x), to), [x]);
}

/** Of the op `Cast`, types by their numbers. */
export function castAttributes(from: number, to: number): Attribute[] {
  return [
    ['SrcT', 'TYPE', from],
    ['DstT', 'TYPE', to],
    ['Truncate', 'BOOL', false],
  ];
}

/** Of any type of floats; tfjs's own takes all for f32. */
export function transpose(x: tf.Tensor, order: readonly number[]): tf.Tensor {
  const attributes: Attribute[] = [
    ['T', 'TYPE', dtypeOf(x)],
    ['Tperm', 'TYPE', TfDataType.int32],
  ];
  return runOp('Transpose', attributes, [x, tf.tensor1d([...order], 'int32')]);
}
