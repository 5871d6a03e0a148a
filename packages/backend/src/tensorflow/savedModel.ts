// TensorFlow graphs as the bytes of a `saved_model.pb`: protocol buffers (saved_model, graph, function, op_def, node_def,
// attr_value, tensor), of which the fields are here that ops need.

export type NodeAttribute =
  | { readonly kind: 'TYPE' | 'INT' | 'FLOAT'; readonly value: number | readonly number[] }
  | { readonly kind: 'BOOL'; readonly value: boolean | readonly boolean[] }
  | { readonly kind: 'STRING'; readonly value: string | Uint8Array }
  /** A function by its name, and what its parameter is. */
  | { readonly kind: 'FUNCTION'; readonly value: { readonly name: string; readonly type: number } }
  /** That of the function which the node is of. */
  | { readonly kind: 'PARAMETER'; readonly value?: undefined }
  | { readonly kind: 'SHAPE'; readonly value: readonly number[] | undefined }
  | { readonly kind: 'TENSOR'; readonly value: TensorValue };

interface TensorValue {
  readonly dtype: number;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** Results of other nodes: a name, or `name:index` beyond the first. */
  readonly inputs: readonly string[];
  readonly attributes: Readonly<Record<string, NodeAttribute>>;
}

interface Value {
  readonly name: string;
  readonly dtype: number;
}

/**
 * A graph that others call by `PartitionedCall`. It has a parameter, a type: TensorFlow rewrites no function that has, but in the call's own
 * configuration. Nor does it copy it into its callers.
 */
export interface GraphFunction {
  readonly name: string;
  readonly inputs: readonly Value[];
  /** Their inputs are names of `inputs`, or `node:result:index`. */
  readonly nodes: readonly GraphNode[];
  /** By names as the nodes' inputs. */
  readonly results: readonly Value[];
}

const PARAMETER = 'T';
const yes = { kind: 'BOOL', value: true } as const;

/** In a folder of its own. */
export const SAVED_MODEL_FILE = 'saved_model.pb';
/** By this tag the model is loaded. */
export const SAVED_MODEL_TAG = 'serve';

/** TensorFlow's GraphDef version (2.15): ops mean what they mean there. */
const GRAPH_PRODUCER = 1645;

export function encodeSavedModel(nodes: readonly GraphNode[], functions: readonly GraphFunction[] = []): Uint8Array {
  const library = functions.map((fn) => message(1, encodeFunction(fn)));
  const version = message(4, [integer(1, GRAPH_PRODUCER)]);
  const graph = [...nodes.map((node) => message(1, encodeNode(node))), message(2, library), version];
  return join([integer(1, 1), message(2, [message(1, [text(4, SAVED_MODEL_TAG)]), message(2, graph)])]);
}

function encodeFunction({ name, inputs, nodes, results }: GraphFunction): Uint8Array[] {
  const argument = (field: number, argName: string, dtype: number) =>
    message(field, [text(1, argName), integer(3, dtype)]);
  const signature = [
    text(1, name),
    ...inputs.map((input) => argument(2, input.name, input.dtype)),
    ...results.map(({ dtype }, i) => argument(3, `y${i}`, dtype)),
    message(4, [text(1, PARAMETER), text(2, 'type')]),
  ];
  return [
    message(1, signature),
    ...nodes.map((node) => message(3, encodeNode(node))),
    ...results.map((result, i) => message(4, [text(1, `y${i}`), text(2, result.name)])),
    ...['_noinline', '_nospecialize'].map((key) => message(5, [text(1, key), message(2, [encodeAttribute(yes)])])),
  ];
}

function encodeNode({ name, op, inputs, attributes }: GraphNode): Uint8Array[] {
  return [
    text(1, name),
    text(2, op),
    ...inputs.map((input) => text(3, input)),
    ...Object.entries(attributes).map(([key, attribute]) =>
      message(5, [text(1, key), message(2, [encodeAttribute(attribute)])]),
    ),
  ];
}

function encodeAttribute(attribute: NodeAttribute): Uint8Array {
  const { kind, value } = attribute;
  switch (kind) {
    case 'STRING':
      return typeof value === 'string' ? text(2, value) : bytes(2, value);
    case 'FUNCTION':
      return message(10, [text(1, value.name), message(2, [text(1, PARAMETER), message(2, [integer(6, value.type)])])]);
    case 'PARAMETER':
      return text(9, PARAMETER);
    case 'SHAPE':
      return message(7, value ? dimensions(value) : [integer(3, 1)]); // unknown_rank
    case 'TENSOR':
      return message(8, [integer(1, value.dtype), message(2, dimensions(value.shape)), bytes(4, value.bytes)]);
    default: {
      const field = { INT: 3, FLOAT: 4, BOOL: 5, TYPE: 6 }[kind];
      const scalar = (one: number | boolean) =>
        kind === 'FLOAT' ? float(field, Number(one)) : integer(field, Number(one));
      return Array.isArray(value) ? message(1, value.map(scalar)) : scalar(value as number | boolean);
    }
  }
}

function dimensions(shape: readonly number[]): Uint8Array[] {
  return shape.map((size) => message(2, [integer(1, size)]));
}

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8 + VARINT), ...varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  const encoded = new DataView(new ArrayBuffer(4));
  encoded.setFloat32(0, value, true);
  return join([Uint8Array.from(varint(field * 8 + FIXED32)), new Uint8Array(encoded.buffer)]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytes(field, join(parts));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return join([Uint8Array.from([...varint(field * 8 + LENGTH), ...varint(value.length)]), value]);
}

/** Seven bits a byte, the least first; a negative number as 64 bits of two's complement. */
function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : BigInt(value);
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return [...out, Number(rest)];
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
