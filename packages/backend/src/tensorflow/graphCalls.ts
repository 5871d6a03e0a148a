import { resultName } from './opResults.js';
import type { Recording } from './recordOps.js';
import { encodeSavedModel, type GraphFunction, type GraphNode, type NodeAttribute } from './savedModel.js';

const FUNCTION_NAME = 'recorded';
/** ConfigProto: graph_options { rewrite_options { disable_meta_optimizer: true } } */
const UNCHANGED = Uint8Array.of(0x52, 5, 0x52, 3, 0x98, 0x01, 1);

/** What a graph of so many calls is fed, by name: the inputs of one after the other, then what is kept. */
export function inputNames({ inputs, kept }: Recording, numCalls: number): string[] {
  return [
    ...ofCalls(numCalls, (call) => inputs.map(({ name }) => inputName(name, call))),
    ...kept.map(({ name }) => name),
  ];
}

/** What it gives, by name: the results of one call after the other. */
export function outputNames({ outputs }: Recording, numCalls: number): string[] {
  return ofCalls(numCalls, (call) => outputs.map((_, i) => `y${i}_${call}`));
}

/**
 * A recording as a SavedModel, which is fed by `inputNames` and fetched from by `outputNames`. Its calls need nothing of each other, and run side
 * by side, a core each, where they are several: that waits less often than where all cores share each op.
 *
 * The recorded nodes are a function, which TensorFlow runs as it is: looking for what it could change in a transformer takes it
 * seconds, and it may change nothing.
 */
export function encodeCalls(recording: Recording, numCalls: number): Uint8Array {
  const { inputs, kept, outputs } = recording;
  const fn = asFunction(recording);
  const placeholder = (name: string, dtype: number) => node('Placeholder', name, [], { dtype: type(dtype) });
  const nodes = kept.map(({ name, dtype }) => placeholder(name, dtype));
  const results = ofCalls(numCalls, (call) => {
    const own = inputs.map(({ name, dtype }) => placeholder(inputName(name, call), dtype));
    nodes.push(...own);
    const from = [...own, ...kept].map(({ name }) => name);
    return fn ? addCall(nodes, recording, from, call) : addCopy(nodes, recording, from, call);
  });
  for (const [i, name] of outputNames(recording, numCalls).entries()) {
    // A graph can't give back what it was given.
    nodes.push(node('Identity', name, [results[i]!], { T: type(outputs[i % outputs.length]!.dtype) }));
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
function addCall(nodes: GraphNode[], { inputs, kept, outputs }: Recording, from: string[], at: number): string[] {
  const call = node('PartitionedCall', `call${at}`, from, {
    Tin: type([...inputs, ...kept].map(({ dtype }) => dtype)),
    Tout: type(outputs.map(({ dtype }) => dtype)),
    f: { kind: 'FUNCTION', value: { name: FUNCTION_NAME, type: outputs[0]!.dtype } },
    config_proto: { kind: 'STRING', value: UNCHANGED },
  });
  nodes.push(call);
  return outputs.map((_, i) => resultOf(call.name, i));
}

/** Adds the nodes themselves, under names of their own. @param from what they are given @returns their results */
function addCopy(nodes: GraphNode[], recording: Recording, from: string[], call: number): string[] {
  const given = new Map([...recording.inputs, ...recording.kept].map(({ name }, i) => [name, from[i]!]));
  const named = (result: string) => given.get(result) ?? `call${call}_${result}`;
  for (const one of recording.nodes) nodes.push({ ...one, name: named(one.name), inputs: one.inputs.map(named) });
  return recording.outputs.map(({ name }) => named(name));
}

const inputName = (name: string, call: number) => `${name}_${call}`;

const ofCalls = <T>(numCalls: number, make: (call: number) => T[]): T[] =>
  Array.from({ length: numCalls }, (_, call) => make(call)).flat();

const resultOf = (name: string, index: number) => (index === 0 ? name : `${name}:${index}`);

function node(op: string, name: string, inputs: readonly string[], attributes: GraphNode['attributes']): GraphNode {
  return { name, op, inputs, attributes };
}

function type(value: number | readonly number[]): NodeAttribute {
  return { kind: 'TYPE', value };
}
