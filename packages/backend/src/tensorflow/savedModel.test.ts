import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { encodeSavedModel, type GraphNode } from './savedModel.js';

/** Google's decoder, with the messages that tfjs-node has of it. */
interface Messages {
  readonly SavedModel: { deserializeBinary(bytes: Uint8Array): { toObject(): SavedModelObject } };
}

interface SavedModelObject {
  readonly savedModelSchemaVersion: number;
  readonly metaGraphsList: readonly {
    readonly metaInfoDef: { readonly tagsList: readonly string[] };
    readonly graphDef: {
      readonly nodeList: readonly {
        readonly name: string;
        readonly op: string;
        readonly inputList: readonly string[];
        readonly attrMap: readonly (readonly [string, Record<string, unknown>])[];
      }[];
      readonly library: {
        readonly functionList: readonly {
          readonly signature: {
            readonly name: string;
            readonly inputArgList: readonly { readonly name: string; readonly type: number }[];
            readonly outputArgList: readonly { readonly name: string; readonly type: number }[];
            readonly attrList: readonly { readonly name: string; readonly type: string }[];
          };
          readonly nodeDefList: readonly { readonly name: string; readonly inputList: readonly string[] }[];
          readonly retMap: readonly (readonly [string, string])[];
          readonly attrMap: readonly (readonly [string, Record<string, unknown>])[];
        }[];
      };
    };
  }[];
}

const require = createRequire(import.meta.url);
const fromTfjsNode = createRequire(require.resolve('@tensorflow/tfjs-node/package.json'));
const { SavedModel } = fromTfjsNode('./dist/proto/api_pb') as Messages;

it('is read by the protocol buffers of Google as what was written', () => {
  const nodes: GraphNode[] = [
    {
      name: 'n0',
      op: 'Const',
      inputs: [],
      attributes: {
        dtype: { kind: 'TYPE', value: 1 },
        value: { kind: 'TENSOR', value: { dtype: 1, shape: [1, 300], bytes: new Uint8Array(1200).fill(200) } },
      },
    },
    {
      name: 'n1',
      op: 'Some',
      inputs: ['n0', 'n0:12'],
      attributes: {
        minus: { kind: 'INT', value: -1 },
        large: { kind: 'INT', value: 2 ** 40 },
        many: { kind: 'INT', value: [1, 128, -3] },
        half: { kind: 'FLOAT', value: 0.5 },
        is: { kind: 'BOOL', value: true },
        text: { kind: 'STRING', value: 'é' },
        shape: { kind: 'SHAPE', value: [3, 1000] },
        noShape: { kind: 'SHAPE', value: undefined },
      },
    },
  ];
  const { savedModelSchemaVersion, metaGraphsList } = SavedModel.deserializeBinary(encodeSavedModel(nodes)).toObject();
  expect(savedModelSchemaVersion).toBe(1);
  expect(metaGraphsList.map(({ metaInfoDef }) => metaInfoDef.tagsList)).toEqual([['serve']]);
  const read = metaGraphsList[0]!.graphDef.nodeList;
  expect(read.map(({ name, op, inputList }) => ({ name, op, inputs: inputList }))).toEqual([
    { name: 'n0', op: 'Const', inputs: [] },
    { name: 'n1', op: 'Some', inputs: ['n0', 'n0:12'] },
  ]);
  const attributes = read.map(({ attrMap }) => Object.fromEntries(attrMap));
  const size = (value: number) => ({ size: value });
  expect(attributes[0]).toMatchObject({
    dtype: { type: 1 },
    value: {
      tensor: {
        dtype: 1,
        tensorShape: { dimList: [size(1), size(300)], unknownRank: false },
        tensorContent: Buffer.alloc(1200, 200).toString('base64'),
      },
    },
  });
  expect(attributes[1]).toMatchObject({
    minus: { i: -1 },
    large: { i: 2 ** 40 },
    many: { list: { iList: [1, 128, -3] } },
    half: { f: 0.5 },
    is: { b: true },
    text: { s: Buffer.from('é').toString('base64') },
    shape: { shape: { dimList: [size(3), size(1000)], unknownRank: false } },
    noShape: { shape: { dimList: [], unknownRank: true } },
  });
});

it('has functions, which calls name with what their parameter is', () => {
  const call: GraphNode = {
    name: 'call',
    op: 'PartitionedCall',
    inputs: ['x'],
    attributes: {
      f: { kind: 'FUNCTION', value: { name: 'twice', type: 14 } },
      config_proto: { kind: 'STRING', value: Uint8Array.of(1, 200) },
    },
  };
  const own: GraphNode = { name: 'n', op: 'Identity', inputs: ['x'], attributes: { T: { kind: 'PARAMETER' } } };
  const fn = {
    name: 'twice',
    inputs: [{ name: 'x', dtype: 14 }],
    nodes: [own],
    results: [{ name: 'n:output:0', dtype: 14 }],
  };
  const { graphDef } = SavedModel.deserializeBinary(encodeSavedModel([call], [fn])).toObject().metaGraphsList[0]!;
  const attributes = Object.fromEntries(graphDef.nodeList[0]!.attrMap);
  expect(attributes).toMatchObject({
    f: { func: { name: 'twice', attrMap: [['T', { type: 14 }]] } },
    config_proto: { s: Buffer.of(1, 200).toString('base64') },
  });
  const [read] = graphDef.library.functionList;
  expect(read).toMatchObject({
    signature: {
      name: 'twice',
      inputArgList: [{ name: 'x', type: 14 }],
      outputArgList: [{ name: 'y0', type: 14 }],
      attrList: [{ name: 'T', type: 'type' }],
    },
    nodeDefList: [{ name: 'n', inputList: ['x'], attrMap: [['T', { placeholder: 'T' }]] }],
    retMap: [['y0', 'n:output:0']],
    attrMap: [
      ['_noinline', { b: true }],
      ['_nospecialize', { b: true }],
    ],
  });
});
