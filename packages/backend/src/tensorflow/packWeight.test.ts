import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { createBackend, ShapeError, UnsupportedBackendError } from '../index.js';
import { fromBfloat16, toBfloat16 } from './eager.js';

/** A result is rounded once, to 2⁻⁹ of itself, where sums are f32; on processors without bf16 they are rounded on the way too. */
const ROUNDED = { absolute: 0.05, relative: 0.01 };

describeBackends(
  'weights in bfloat16',
  (backend) => {
    const random = (shape: number[], seed: number, deviation = 1) =>
      backend().tf.randomNormal(shape, 0, deviation, 'float32', seed);
    const rounded = <T extends Tensor>(x: T) => backend().tf.tidy(() => fromBfloat16(toBfloat16(x)) as T);

    async function expectSame(got: Tensor, wanted: Tensor): Promise<void> {
      await expectTensorClose(got, { shape: wanted.shape, data: await wanted.data() }, ROUNDED);
      backend().tf.dispose([got, wanted]);
    }

    // 5 columns by 21 are no multiple of anything oneDNN blocks by.
    it.for([
      [31, 8],
      [21, 20],
      [64, 128],
    ])('give the product of rounded rows and weights: %s', async ([I, O]) => {
      await expectNoLeaks(backend(), async () => {
        const { tf, ops, packWeight } = backend();
        const [x, weight, bias] = [random([2, 3, I!], 1), random([I!, O!], 2), random([O!], 3)] as [
          Tensor3D,
          Tensor2D,
          never,
        ];
        const packed = packWeight(weight, 'bf16') as Tensor2D;
        expect([packed.shape, packed.dtype]).toEqual([weight.shape, 'float32']);
        const [rows, columns] = [rounded(x), rounded(weight)];
        await expectSame(ops.linear(x, packed), ops.linear(rows, columns));
        await expectSame(ops.linear(x, packed, bias), ops.linear(rows, columns, bias));
        tf.dispose([x, weight, bias, packed, rows, columns]);
      });
    });

    it('are halved in a gated map', async () => {
      await expectNoLeaks(backend(), async () => {
        const { tf, ops, packWeight } = backend();
        const [x, weight, residual] = [random([2, 7, 24], 4), random([24, 40], 5, 0.2), random([2, 7, 20], 6)] as [
          Tensor3D,
          Tensor2D,
          Tensor3D,
        ];
        const packed = packWeight(weight, 'bf16') as Tensor2D;
        const options = { activation: 'geglu', residual } as const;
        await expectSame(ops.fusedLinear(x, packed, options), ops.fusedLinear(x, weight, options));
        const bias = random([40], 7) as never;
        const biased = { ...options, bias };
        await expectSame(ops.fusedLinear(x, packed, biased), ops.fusedLinear(x, weight, biased));
        tf.dispose([x, weight, residual, packed, bias]);
      });
    });

    it("take a file's order of axes, to the same bits", async () => {
      const { tf, ops, packWeight } = backend();
      const [x, weight] = [random([5, 12], 8), random([12, 16], 9)] as [Tensor2D, Tensor2D];
      const inFile = tf.transpose(weight);
      const both = [packWeight(weight, 'bf16'), packWeight(inFile, 'bf16', [1, 0])] as Tensor2D[];
      const products = both.map((packed) => ops.linear(x, packed));
      const [own, ordered] = await Promise.all(products.map((product) => product.data()));
      expect(ordered).toEqual(own);
      tf.dispose([x, weight, inFile, ...both, ...products]);
    });

    it('are convolved with', async () => {
      const narrow = await createBackend({ device: 'tensorflow', dtype: 'bf16' });
      await expectNoLeaks(narrow, async () => {
        const { tf, ops, packWeight } = narrow;
        const [x, weight] = [random([1, 6, 5, 8], 10), random([3, 3, 8, 12], 11)];
        const packed = packWeight(weight, 'bf16');
        const [got, wanted] = [packed, weight].map((kernel) => ops.conv2d(x as never, kernel as never));
        expect(await got!.data()).toEqual(await wanted!.data()); // which rounds its weight in each call
        tf.dispose([x, weight, packed, got!, wanted!]);
      });
      await narrow.dispose();
    });

    it('are refused of other widths and types, and twice', () => {
      const { tf, packWeight } = backend();
      const weight = random([3, 8], 12);
      const packed = packWeight(weight, 'bf16');
      const odd = random([8, 6], 13);
      expect(() => packWeight(odd, 'bf16')).toThrow(ShapeError);
      expect(() => packWeight(odd, 'bf16')).toThrow(
        'expected a weight f32 [..., N] with N divisible by 4, got float32 [8, 6]',
      );
      expect(() => packWeight(packed, 'bf16')).toThrow('got bf16 [3, 8]');
      expect(() => packWeight(weight, 'q8')).toThrow(UnsupportedBackendError);
      expect(() => packWeight(weight, 'q8')).toThrow(
        'expected a dtype in which the device tensorflow packs weights (bf16), got q8',
      );
      tf.dispose([weight, packed, odd]);
    });
  },
  { devices: ['tensorflow'] },
);
