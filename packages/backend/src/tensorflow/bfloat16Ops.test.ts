import { describeBackends, expectTensorClose } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { createBackend, type Ops } from '../index.js';

/** One rounding of each factor and one of the result, 2⁻⁹ each, on sums of some dozens of products. */
const BFLOAT16_TOLERANCE = { absolute: 0.05, relative: 0.01 };

describeBackends(
  'bf16 products',
  (backend) => {
    const random = (shape: number[], seed: number) => backend().tf.randomNormal(shape, 0, 1, 'float32', seed);

    async function expectNear(run: (ops: Ops, ...inputs: Tensor[]) => Tensor, inputs: Tensor[]): Promise<void> {
      const narrow = await createBackend({ device: 'tensorflow', dtype: 'bf16' });
      const { tf } = backend();
      const before = tf.memory().numTensors;
      const gradientsOf = (ops: Ops) => {
        const value = run(ops, ...inputs);
        return [value, ...tf.grads((...args) => run(ops, ...args))(inputs)];
      };
      const exact = gradientsOf(backend().ops);
      const rounded = gradientsOf(narrow.ops);
      for (const [i, tensor] of exact.entries()) {
        const expected = { shape: tensor.shape, data: await tensor.data() };
        await expectTensorClose(rounded[i]!, expected, BFLOAT16_TOLERANCE, `result ${i}`);
      }
      // Rounded indeed: else the option would do nothing.
      expect([...(await rounded[0]!.data())]).not.toEqual([...(await exact[0]!.data())]);
      tf.dispose([...exact, ...rounded]);
      expect(tf.memory().numTensors).toBe(before);
      await narrow.dispose();
    }

    it('linear is near f32, values and gradients', async () => {
      const inputs = [random([2, 3, 31], 1), random([31, 7], 2), random([7], 3)];
      await expectNear((ops, x, weight, bias) => ops.linear(x!, weight as never, bias as never), inputs);
    });

    it('conv2d is near f32, values and gradients', async () => {
      const inputs = [random([2, 7, 11, 3], 1), random([3, 3, 3, 5], 2), random([5], 3)];
      await expectNear((ops, x, weight, bias) => ops.conv2d(x as never, weight as never, bias as never), inputs);
    });

    it('conv2d with a stride and padding of its own is near f32, values and gradients', async () => {
      const inputs = [random([2, 8, 12, 3], 1), random([3, 3, 3, 5], 2)];
      const options = { stride: 2, padding: [0, 1, 0, 1] } as const;
      await expectNear((ops, x, weight) => ops.conv2d(x as never, weight as never, undefined, options), inputs);
    });
  },
  { devices: ['tensorflow'] },
);
