import { expectNoLeaks, expectTensorClose } from '@muse/test-utils/checks';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { type Backend, type Ops, type PackedDtype, referenceOps } from '../src/index.js';
import { unpackWeight } from '../src/kernels/webgpu/packedWeights.js';
import type { ConformanceCase } from './conformanceCase.js';

const dtypes: readonly PackedDtype[] = ['f16', 'q8'];

export const packedCases: readonly ConformanceCase[] = dtypes.map((dtype) => ({
  name: `${dtype}: every op that takes a packed weight computes with the rounded one`,
  devices: ['webgpu'],
  run: (backend) => expectNoLeaks(backend, () => compare(backend, dtype)),
}));

async function compare(backend: Backend, dtype: PackedDtype): Promise<void> {
  const { tf } = backend;
  const make = (...shape: number[]) => tf.randomNormal(shape, 0, 0.5, 'float32', shape.length) as never;
  const [x, image, residual] = [make(2, 37, 20), make(1, 5, 7, 12), make(2, 37, 28)] as Tensor[];
  const weights = [make(20, 28), make(20, 56), make(20, 20), make(3, 3, 12, 8)] as Tensor[];
  const packed = weights.map((weight) => backend.packWeight(weight, dtype));
  const rounded = packed.map(unpackWeight);
  const norm = { weight: tf.ones([12]) as never, bias: tf.zeros([12]) as never, numGroups: 3 };
  const runs: ((ops: Ops, of: readonly Tensor[]) => Tensor)[] = [
    (ops, [linear]) => ops.linear(x!, linear as Tensor2D),
    (ops, [linear]) => ops.fusedLinear(x!, linear as Tensor2D, { activation: 'silu', residual: residual! }),
    (ops, [, gated]) => ops.fusedLinear(x!, gated as Tensor2D, { activation: 'geglu' }),
    (ops, [, , w]) => ops.selfAttention(x as never, { query: w, key: w, value: w } as never, { numHeads: 5 }),
    (ops, [, , , filter]) => ops.conv2d(image as never, filter as never),
    (ops, [, , , filter]) => ops.normSiluConv2d(image as never, norm, filter as never, {}),
    (ops, [, , , filter]) => ops.upsampleConv2d(image as never, filter as never),
    (ops, [linear]) => tf.grad((a: Tensor) => ops.linear(a, linear as Tensor2D))(x!),
  ];
  for (const run of runs) {
    const [got, wanted] = [run(backend.ops, packed), run(referenceOps, rounded)];
    await expectTensorClose(got, { shape: wanted.shape, data: await wanted.data() }, 4e-5);
    tf.dispose([got, wanted]);
  }
  tf.dispose([x!, image!, residual!, ...weights, ...packed, ...rounded, norm.weight, norm.bias]);
}
