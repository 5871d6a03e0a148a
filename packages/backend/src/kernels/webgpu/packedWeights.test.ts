import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { type Ops, type PackedDtype, referenceOps, ShapeError, UnsupportedBackendError } from '../../index.js';
import { unpackWeight } from './packedWeights.js';

describeBackends(
  'packed weights',
  (backend) => {
    const dtypes: readonly PackedDtype[] = ['f16', 'q8'];

    it('rounds to halves and to 127ths of the greatest of a column', async () => {
      await expectNoLeaks(backend(), async () => {
        const { tf } = backend();
        const weight = tf.tensor2d([1, -2, 0, 4, 0.3333, 1, 0, 3, -0.1, 0.0157, 0, -70_000], [3, 4]);
        const halves = backend().packWeight(weight, 'f16');
        const bytes = backend().packWeight(weight, 'q8');
        const [fromHalves, fromBytes] = [unpackWeight(halves), unpackWeight(bytes)];
        expect(halves.shape).toEqual([3, 4]);
        // Halves have eleven bits: 0.3333 is 1365/4096, 0.1 is 1638/16384; beyond their range is their greatest.
        const half = [1, -2, 0, 4, 1365 / 4096, 1, 0, 3, -1638 / 16384, 0.0157012939453125, 0, -65_504];
        await expectTensorClose(fromHalves, { shape: [3, 4], data: half }, 0);
        const byte = [1, -2, 0, 0, 42 / 127, 2 * (64 / 127), 0, 0, -13 / 127, 2 / 127, 0, -70_000];
        await expectTensorClose(fromBytes, { shape: [3, 4], data: byte }, 1e-6);
        tf.dispose([weight, halves, bytes, fromHalves, fromBytes]);
      });
    });

    it.each(dtypes)('%s: every op that takes one computes with the rounded weight', async (dtype) => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const make = (...shape: number[]) => tf.randomNormal(shape, 0, 0.5, 'float32', shape.length) as never;
        const [x, image, residual] = [make(2, 37, 20), make(1, 5, 7, 12), make(2, 37, 28)] as Tensor[];
        const weights = [make(20, 28), make(20, 56), make(20, 20), make(3, 3, 12, 8)] as Tensor[];
        const packed = weights.map((weight) => backend().packWeight(weight, dtype));
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
          const [got, wanted] = [run(backend().ops, packed), run(referenceOps, rounded)];
          await expectTensorClose(got, { shape: wanted.shape, data: await wanted.data() }, 4e-5);
          tf.dispose([got, wanted]);
        }
        tf.dispose([x!, image!, residual!, ...weights, ...packed, ...rounded, norm.weight, norm.bias]);
      });
    });

    it('refuses widths that do not fit words', () => {
      const { tf } = backend();
      const weight = tf.zeros([4, 6]);
      expect(() => backend().packWeight(weight, 'f16')).toThrow(ShapeError);
      expect(() => backend().packWeight(weight, 'f16')).toThrow('divisible by 4, got float32 [4, 6]');
      weight.dispose();
    });
  },
  { devices: ['webgpu'] },
);

describeBackends(
  'packed weights elsewhere',
  (backend) => {
    it('are refused', () => {
      const weight = backend().tf.zeros([4, 4]);
      expect(() => backend().packWeight(weight, 'q8')).toThrow(UnsupportedBackendError);
      weight.dispose();
    });
  },
  { devices: ['cpu'] },
);
