/** What TensorFlow calls the results of its ops (ops.pbtxt): one name for all, or one each. Of the ops that networks are made of. */
const resultNames: Readonly<Record<string, string | readonly string[]>> = {
  ...namedAs('z', 'Add AddV2 Div Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mul'),
  ...namedAs('z', 'NotEqual Pow RealDiv SquaredDifference Sub'),
  ...namedAs(
    'y',
    'Abs Cast Cos Erf Exp Log LogicalNot Neg OnesLike Round Rsqrt Sigmoid Sign Sin Sqrt Square Tanh Transpose',
  ),
  ...namedAs('y', 'ZerosLike _MklLayerNorm'),
  ...namedAs(
    'output',
    'All Any ArgMax BatchMatMulV2 Bitcast ConcatV2 Const Conv2D DepthwiseConv2dNative ExpandDims Fill',
  ),
  ...namedAs(
    'output',
    'GatherV2 Identity Max Mean Min OneHot Pack Pad PadV2 PlaceholderWithDefault Prod Range Reshape',
  ),
  ...namedAs('output', 'Select SelectV2 Slice Split SplitV Squeeze StridedSlice Sum Tile Unpack'),
  ...namedAs('activations', 'Relu _MklSwish'),
  ...namedAs('softmax', 'Softmax _MklSoftmax'),
  MatMul: 'product',
  Cumsum: 'out',
  ResizeNearestNeighbor: 'resized_images',
  TopKV2: ['values', 'indices'],
  FusedBatchNormV3: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2', 'reserve_space_3'],
};

function namedAs(name: string, ops: string): Record<string, string> {
  return Object.fromEntries(ops.split(' ').map((op) => [op, name]));
}

/** How a function's nodes name the result of an op; nothing for ops that are not known here. */
export function resultName(op: string, index: number): string | undefined {
  const names = resultNames[op];
  return typeof names === 'string' ? `${names}:${index}` : names && `${names[index]}:0`;
}
