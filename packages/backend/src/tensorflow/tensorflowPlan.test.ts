import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { createBackend } from '../index.js';
import { nodeBackend, TfDataType } from './eager.js';
import { recordOps, releaseKept } from './recordOps.js';

const values = async (tensor: Tensor | undefined) => [...(await tensor!.data())];

/** Graphs that libtensorflow holds. */
const numGraphs = () => (nodeBackend().binding as unknown as { getNumOfSavedModels(): number }).getNumOfSavedModels();

describeBackends(
  'a plan as a TensorFlow graph',
  (backend) => {
    it('is made when other inputs come, calls its function once, and goes with dispose', async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const before = numGraphs();
        const [x, y] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 5])];
        let calls = 0;
        const plan = await backend().capture(
          (a) => {
            calls++;
            return tf.add(tf.mul(a, 2), 1);
          },
          [x],
        );
        const [first] = await plan.run([x]);
        expect(numGraphs()).toBe(before);
        const [second] = await plan.run([y]);
        const [third] = await plan.run([x]);
        expect(numGraphs()).toBe(before + 1);
        expect([await values(first), await values(second), await values(third)]).toEqual([
          [3, 5],
          [7, 11],
          [3, 5],
        ]);
        expect(calls).toBe(1);
        plan.dispose();
        expect(numGraphs()).toBe(before);
        tf.dispose([x, y, first!, second!, third!]);
      });
    });

    it('keeps what it reads from outside until it is disposed', async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const x = tf.ones([2]);
        const weight = tf.mul(x, 3);
        const plan = await backend().capture((a) => tf.mul(a, weight), [x]);
        weight.dispose();
        const others = Array.from({ length: 9 }, () => tf.add(x, 1)); // would take the freed memory
        const [product] = await plan.run([Float32Array.of(7, 11)]);
        expect(await values(product)).toEqual([21, 33]);
        plan.dispose();
        tf.dispose([x, product!, ...others]);
      });
    });

    it('tells an input from the same tensor read from outside', async () => {
      const { tf } = backend();
      const x = tf.tensor1d([1, 2]);
      const plan = await backend().capture((a) => tf.sub(tf.mul(a, 10), x), [x]);
      const [difference] = await plan.run([Float32Array.of(3, 4)]);
      expect(await values(difference)).toEqual([29, 38]);
      plan.dispose();
      tf.dispose([x, difference!]);
    });

    it('takes ops of every kind: several results, integers, booleans, constants, types that tfjs leaves out', async () => {
      const { tf } = backend();
      const x = tf.tensor2d([[1, -2, 3, -4]]);
      const fn = (a: Tensor) => {
        const [left, right] = tf.split(a as Tensor2D, 2, 1) as [Tensor2D, Tensor2D];
        const isPositive = tf.logicalAnd(tf.greater(a, 0), tf.less(a, 3));
        const places = tf.cast(tf.round(tf.abs(left)), 'int32');
        const picked = tf.gather(tf.tensor1d([7, 8, 9, 10, 11]), places as never);
        return [
          right,
          isPositive,
          tf.expandDims(picked, 2),
          tf.where(isPositive, a, tf.zerosLike(a)),
          tf.oneHot(places as never, 3),
        ];
      };
      const plan = await backend().capture(fn, [x]);
      const input = tf.tensor2d([[2, 0, 1, 5]]);
      const [got, wanted] = [await plan.run([input]), tf.tidy(() => fn(input))];
      for (const [i, output] of got.entries()) {
        expect([output.dtype, output.shape]).toEqual([wanted[i]!.dtype, wanted[i]!.shape]);
        expect(await values(output)).toEqual(await values(wanted[i]));
      }
      expect(got.map(({ dtype }) => dtype)).toEqual(['float32', 'bool', 'float32', 'float32', 'int32']);
      plan.dispose();
      tf.dispose([x, input, ...got, ...wanted]);
    });

    it('fuses nothing that would change a bit', async () => {
      const { tf, ops } = backend();
      const draw = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
      const [weight, bias, filter, few] = [draw([64, 64], 1), draw([64], 2), draw([3, 3, 64, 64], 3), draw([64], 4)];
      const fn = (x: Tensor) => {
        const grid = tf.reshape(x, [2, 5, 5, 64]) as Tensor4D;
        return [
          tf.mul(x, tf.sigmoid(x)), // in graphs: swish
          tf.softmax(x), // oneDNN's
          tf.mul(tf.mul(tf.add(x, 1), 0.3), 0.7), // a product of the constants
          tf.add(tf.mul(x, bias), tf.mul(x, few)), // a common factor
          tf.relu(tf.add(tf.matMul(tf.reshape(x, [50, 64]) as Tensor2D, weight as Tensor2D), bias)), // a product with bias
          tf.relu(tf.add(ops.conv2d(grid, filter as Tensor4D), bias)),
          tf.fused.matMul({ a: tf.reshape(x, [50, 64]) as Tensor2D, b: weight as Tensor2D, bias, activation: 'relu' }),
          ops.groupNorm(grid, bias as never, few as never, 8),
          tf.square(tf.sub(x, tf.mean(x, -1, true))), // a squared difference
          tf.matMul(tf.mul(tf.reshape(x, [2, 25, 64]), 0.125), tf.reshape(x, [2, 25, 64]), false, true),
        ];
      };
      const x = draw([2, 25, 64], 5);
      const plan = await backend().capture(fn, [tf.zeros([2, 25, 64])]);
      const got = await plan.run([x]);
      const wanted = tf.tidy(() => fn(x));
      for (const [i, output] of got.entries())
        expect(await values(output), `output ${i}`).toEqual(await values(wanted[i]));
      plan.dispose();
      tf.dispose([x, weight, bias, filter, few, ...got, ...wanted]);
    });

    it('refuses what a graph would not repeat, and leaves nothing behind', async () => {
      const { tf } = backend();
      const x = tf.ones([4]);
      await expectNoLeaks(backend(), async () => {
        const reads = (a: Tensor) => tf.mul(a, tf.mul(a, 2).dataSync()[0]!);
        await expect(backend().capture(reads, [x])).rejects.toThrow(
          "that TensorFlow's ops repeat, no reading of values",
        );
        const draws = (a: Tensor) => tf.multinomial(a as never, 3, 1);
        await expect(backend().capture(draws, [x])).rejects.toThrow("that TensorFlow's ops repeat, no Multinomial");
        const fails = (a: Tensor) => tf.matMul(tf.reshape(a, [2, 2]), tf.zeros([3, 1]));
        await expect(backend().capture(fails, [x])).rejects.toThrow('Matrix size-incompatible');
      });
      const sum = tf.add(x, 1); // the device is as before
      expect(await values(sum)).toEqual([2, 2, 2, 2]);
      tf.dispose([x, sum]);
    });

    it('rejects a run that TensorFlow refuses, and works on', async () => {
      const { tf } = backend();
      const table = tf.tensor1d([7, 8]);
      const plan = await backend().capture((ids) => tf.gather(table, ids as never), [tf.tensor1d([0, 1], 'int32')]);
      await expect(plan.run([Int32Array.of(0, 2)])).rejects.toThrow('indices[1] = 2 is not in [0, 2)');
      const [got] = await plan.run([Int32Array.of(1, 0)]);
      expect(await values(got)).toEqual([8, 7]);
      plan.dispose();
      tf.dispose([table, got!]);
    });

    it('has ops of any name, of several calls too', async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const x = tf.tensor2d([1, -2, 3, 0.5, 7, -1], [3, 2]);
        // Of which `graphCalls.ts` knows no name for the result.
        const fn = (a: Tensor) => [tf.atan(tf.mul(a, 2)), a];
        const y = tf.neg(x);
        for (const given of [[x], [x, y]]) {
          const zeros = given.map(() => tf.zeros([3, 2]));
          const plan = await backend().capture(fn, zeros, { numCalls: given.length });
          const got = await plan.run(given);
          const wanted = tf.tidy(() => given.flatMap((one) => fn(one).map((result) => tf.clone(result))));
          expect(await Promise.all(got.map(values))).toEqual(await Promise.all(wanted.map(values)));
          plan.dispose();
          tf.dispose([...zeros, ...got, ...wanted]);
        }
        tf.dispose([x, y]);
      });
    });

    it('frees what it makes on the way', async () => {
      const { tf } = backend();
      const x = tf.zeros([1024, 1024]); // 4 MiB: 200 runs that freed nothing would be past 2 GiB
      const plan = await backend().capture((a) => tf.sum(tf.square(tf.add(tf.mul(a, 2), 1))), [tf.ones([1024, 1024])]);
      const run = async () => tf.dispose(await plan.run([x]));
      await run();
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 200; i++) await run();
      expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(200);
      plan.dispose();
      x.dispose();
    });

    it('repeats what is computed in bf16, and rounds a value once', async () => {
      const half = await createBackend({ device: 'tensorflow', dtype: 'bf16' });
      await expectNoLeaks(half, async () => {
        const { tf, ops } = half;
        const weights = [1, 2, 3].map((seed) => {
          const weight = tf.randomNormal([32, 32], 0, 0.3, 'float32', seed);
          const packed = half.packWeight(weight, 'bf16');
          weight.dispose();
          return packed as Tensor2D;
        });
        const [query, key, value] = weights as [Tensor2D, Tensor2D, Tensor2D];
        const fn = (a: Tensor) => {
          const mixed = ops.selfAttention(a as Tensor3D, { query, key, value }, { numHeads: 2 });
          return ops.fusedLinear(mixed, value, { activation: 'geglu' });
        };
        const [zeros, x] = [tf.zeros([2, 5, 32]), tf.randomNormal([2, 5, 32], 0, 1, 'float32', 4)];
        const plan = await half.capture(fn, [zeros]);
        const [[got], wanted] = [await plan.run([x]), tf.tidy(() => fn(x))];
        expect(await values(got)).toEqual(await values(wanted));
        const own = tf.add(x, 0); // data of its own
        const { nodes, results, kept } = recordOps([own], () => tf.tidy(() => [fn(own)]));
        const toBfloat16 = nodes.filter(
          ({ op, attributes }) => op === 'Cast' && attributes.DstT!.value === TfDataType.bfloat16,
        );
        // The input, once for three products; the queries' factor; what the gated map takes, scaled. No queries, keys, values.
        expect(toBfloat16).toHaveLength(3);
        releaseKept(nodeBackend(), kept);
        plan.dispose();
        tf.dispose([...weights, zeros, x, own, got!, wanted, ...results]);
      });
      await half.dispose();
    });
  },
  { devices: ['tensorflow'] },
);
