import { TfDataType } from './eager.js';
import { resultName } from './opResults.js';
import type { Recording } from './recordOps.js';
import { encodeSavedModel, type GraphFunction, type GraphNode, type NodeAttribute } from './savedModel.js';

/** What a graph's result of this place is called. */
export const outputName = (index: number): string => `y${index}`;

const FUNCTION_NAME = 'recorded';
/** ConfigProto: graph_options { rewrite_options { disable_meta_optimizer: true } } */
const UNCHANGED = Uint8Array.of(0x52, 5, 0x52, 3, 0x98, 0x01, 1);

/**
 * A recording as a SavedModel, which takes what it recorded as inputs, and what it kept, by their names.
 *
 * The recorded nodes are a function, which TensorFlow runs as it is: looking for what it could change in a transformer takes it
 * seconds, and it may change nothing.
 *
 * @param numCalls it is called so often, each time with another row of the inputs
 */
export function encodeCalls(recording: Recording, numCalls: number): Uint8Array {
  const { inputs, kept, outputs } = recording;
  const given = [...inputs, ...kept];
  const fn = asFunction(recording);
  const axis = constant('axis', 0);
  const nodes: GraphNode[] = given.map(({ name, dtype }) => node('Placeholder', name, [], { dtype: type(dtype) }));
  if (numCalls > 1) {
    const numSplit = { kind: 'INT', value: numCalls } as const;
    nodes.push(axis);
    for (const { name, dtype } of inputs) {
      nodes.push(node('Split', `${name}_rows`, [axis.name, name], { T: type(dtype), num_split: numSplit }));
    }
  }
  const results = Array.from({ length: numCalls }, (_, row) => {
    const from = given.map(({ name }, i) => {
      return numCalls > 1 && i < inputs.length ? resultOf(`${name}_rows`, row) : name;
    });
    return fn ? addCall(nodes, recording, from, row) : addCopy(nodes, recording, from, row);
  });
  for (const [i, { dtype }] of outputs.entries()) {
    const rows = results.map((names) => names[i]!);
    const joining = { N: { kind: 'INT', value: numCalls }, T: type(dtype), Tidx: type(TfDataType.int32) } as const;
    nodes.push(
      numCalls > 1
        ? node('ConcatV2', outputName(i), [...rows, axis.name], joining)
        : node('Identity', outputName(i), rows, { T: type(dtype) }), // a graph can't give back what it was given
    );
  }
  return encodeSavedModel(nodes, fn ? [fn] : []);
}

/** Nothing where one of its ops is not known. */
function asFunction({ nodes, inputs, kept, outputs }: Recording): GraphFunction | undefined {
  const ops = new Map(nodes.map(({ name, op }) => [name, op]));
  if ([...ops.values()].some((op) => resultName(op, 0) === undefined)) return undefined;
  const inFunction = (result: string) => {
    const [name, index = '0'] = result.split(':') as [string, string?];
    const op = ops.get(name);
    return op ? `${name}:${resultName(op, Number(index))}` : result;
  };
  const [first, ...others] = outputs.map(({ name, dtype }) => ({ name: inFunction(name), dtype }));
  const own = node('Identity', 'first', [first!.name], { T: { kind: 'PARAMETER' } });
  return {
    name: FUNCTION_NAME,
    inputs: [...inputs, ...kept],
    nodes: [...nodes.map((one) => ({ ...one, inputs: one.inputs.map(inFunction) })), own],
    results: [{ name: `${own.name}:${resultName(own.op, 0)}`, dtype: first!.dtype }, ...others],
  };
}

/** Calls the function. @param from what it is given @returns its results */
function addCall(nodes: GraphNode[], { inputs, kept, outputs }: Recording, from: string[], row: number): string[] {
  const call = node('PartitionedCall', `call${row}`, from, {
    Tin: type([...inputs, ...kept].map(({ dtype }) => dtype)),
    Tout: type(outputs.map(({ dtype }) => dtype)),
    f: { kind: 'FUNCTION', value: { name: FUNCTION_NAME, type: outputs[0]!.dtype } },
    config_proto: { kind: 'STRING', value: UNCHANGED },
  });
  nodes.push(call);
  return outputs.map((_, i) => resultOf(call.name, i));
}

/** Adds the nodes themselves, under names of their own. @param from what they are given @returns their results */
function addCopy(nodes: GraphNode[], recording: Recording, from: string[], row: number): string[] {
  const given = new Map([...recording.inputs, ...recording.kept].map(({ name }, i) => [name, from[i]!]));
  const named = (result: string) => given.get(result) ?? `row${row}_${result}`;
  for (const one of recording.nodes) nodes.push({ ...one, name: named(one.name), inputs: one.inputs.map(named) });
  return recording.outputs.map(({ name }) => named(name));
}

const resultOf = (name: string, index: number) => (index === 0 ? name : `${name}:${index}`);

function node(op: string, name: string, inputs: readonly string[], attributes: GraphNode['attributes']): GraphNode {
  return { name, op, inputs, attributes };
}

function type(value: number | readonly number[]): NodeAttribute {
  return { kind: 'TYPE', value };
}

function constant(name: string, value: number): GraphNode {
  const tensor = { dtype: TfDataType.int32, shape: [], bytes: new Uint8Array(Int32Array.of(value).buffer) };
  return node('Const', name, [], { dtype: type(TfDataType.int32), value: { kind: 'TENSOR', value: tensor } });
}
