import { describeBackends, expectClose, expectTensorClose } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { callKernel } from '../callKernel.js';
import { originalKernel } from '../replaceKernel.js';

const TOLERANCE = { absolute: 2e-5, relative: 1e-5 };

describeBackends(
  'corrected kernels',
  (backend) => {
    const numbers = (length: number, seed: number) =>
      Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7 + seed) + 0.01 * (i % 5));
    const tensor = (shape: number[], seed: number) =>
      backend().tf.tensor(
        numbers(
          shape.reduce((a, b) => a * b, 1),
          seed,
        ),
        shape,
      );

    for (const [transposeA, transposeB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const K = 53; // past tfjs's block of 48
      const shapes = (batch: number[]) => ({
        a: [...batch, ...(transposeA ? [K, 5] : [5, K])],
        b: [...batch, ...(transposeB ? [7, K] : [K, 7])],
      });
      const label = `${transposeA ? 'aᵀ' : 'a'}·${transposeB ? 'bᵀ' : 'b'}`;

      it(`matMul ${label} of a batch is the sum of products`, async () => {
        const { tf } = backend();
        const [a, b] = [tensor(shapes([2, 3]).a, 1), tensor(shapes([2, 3]).b, 2)];
        const product = tf.matMul(a, b, transposeA, transposeB);
        expect(product.shape).toEqual([2, 3, 5, 7]);
        expectClose(
          await product.data(),
          await multiplyByHand(a, b, { batch: 6, M: 5, K, N: 7, transposeA, transposeB }),
          TOLERANCE,
        );
        tf.dispose([a, b, product]);
      });

      it(`fused matMul ${label} adds its bias once`, async () => {
        const { tf } = backend();
        const [a, b, bias] = [tensor(shapes([]).a, 1), tensor(shapes([]).b, 2), tensor([7], 3)];
        const fused = tf.fused.matMul({ a, b, transposeA, transposeB, bias, activation: 'relu' });
        const biases = await bias.data();
        const product = await multiplyByHand(a, b, { batch: 1, M: 5, K, N: 7, transposeA, transposeB });
        const expected = product.map((value, i) => Math.max(0, value + biases[i % 7]!));
        expectClose(await fused.data(), expected, TOLERANCE);
        tf.dispose([a, b, bias, fused]);
      });
    }

    it('fused matMul of a batch adds its bias once', async () => {
      const { tf } = backend();
      const [a, b, bias] = [tensor([3, 5, 53], 1), tensor([3, 53, 7], 2), tensor([7], 3)];
      const fused = tf.fused.matMul({ a, b, bias });
      const biases = await bias.data();
      const product = await multiplyByHand(a, b, { batch: 3, M: 5, K: 53, N: 7, transposeA: false, transposeB: false });
      expectClose(
        await fused.data(),
        product.map((value, i) => value + biases[i % 7]!),
        TOLERANCE,
      );
      tf.dispose([a, b, bias, fused]);
    });

    it("shows tfjs's fused matMul bug: the bias comes once for each block of 48 inner elements", async () => {
      const { tf } = backend();
      const [a, b] = [tf.zeros([1, 1, 49]), tf.zeros([1, 3, 49])];
      const bias = tf.tensor1d([1, 2, 3]);
      const attrs = { transposeA: false, transposeB: true, activation: 'linear', leakyreluAlpha: 0 };
      const wrong = callKernel(originalKernel('wasm', '_FusedMatMul')!, { a, b, bias }, attrs);
      // Zeros times zeros plus a bias: two blocks, so tfjs adds it twice.
      expect([...(await wrong.data())]).toEqual([2, 4, 6]);
      const right = tf.fused.matMul({ a, b, bias, transposeB: true });
      expect([...(await right.data())]).toEqual([1, 2, 3]);
      tf.dispose([a, b, bias, wrong, right]);
    });

    it('broadcasts one right-hand matrix over a batch, and one left-hand matrix too', async () => {
      const { tf } = backend();
      const [many, one] = [tensor([3, 2, 5], 1), tensor([1, 5, 7], 2)];
      const right = tf.matMul(many, one);
      const repeated = tf.matMul(many, tf.tile(one, [3, 1, 1]));
      await expectTensorClose(right, { shape: [3, 2, 7], data: await repeated.data() }, TOLERANCE);
      const left = tf.matMul(tf.transpose(one, [0, 2, 1]), many, false, true);
      expect(left.shape).toEqual([3, 7, 2]);
      const swapped = tf.transpose(right, [0, 2, 1]);
      await expectTensorClose(left, { shape: [3, 7, 2], data: await swapped.data() }, TOLERANCE);
    });

    it('gathers each item of a batch by its own indices', async () => {
      const { tf } = backend();
      const x = tf.tensor3d([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15], [2, 3, 2]);
      const indices = tf.tensor2d([2, 0, 1, 2, 1, 1, 0, 2], [2, 4], 'int32');
      const right = tf.gather(x, indices, 1, 1);
      expect(right.shape).toEqual([2, 4, 2]);
      const expected = [4, 5, 0, 1, 2, 3, 4, 5, 12, 13, 12, 13, 10, 11, 14, 15];
      expect([...(await right.data())]).toEqual(expected);

      const wrong = callKernel(originalKernel('wasm', 'GatherV2')!, { x, indices }, { axis: 1, batchDims: 1 });
      expect([...(await wrong.data())]).not.toEqual(expected); // tfjs's bug
      tf.dispose([x, indices, right, wrong]);
    });

    it('has the kernels that tfjs lacks', () => {
      expect(originalKernel('wasm', 'Conv2DBackpropFilter')).toBeUndefined();
      expect(originalKernel('wasm', 'UnsortedSegmentSum')).toBeUndefined();
    });

    it('sums rows by segment and drops those of no segment', async () => {
      const { tf } = backend();
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]);
      const sums = tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, -1], 'int32'), 3);
      expect([...(await sums.data())]).toEqual([3, 4, 0, 0, 6, 8]);
    });

    it('sums over axes, neighbours that others follow and not, in one product or as tfjs does', async () => {
      const { tf } = backend();
      const shape = [3, 4, 5, 7];
      const x = tensor(shape, 1);
      const values = await x.data();
      for (const axes of [[0], [1], [0, 1], [1, 2], [2, 1], [0, 1, 2], [-3], [3], [2, 3], [0, 2], [0, 1, 2, 3]]) {
        const reduced = axes.map((axis) => (axis + 4) % 4);
        const sums = new Map<string, number>();
        for (const [i, value] of values.entries()) {
          const place = [Math.floor(i / 140), Math.floor(i / 35) % 4, Math.floor(i / 7) % 5, i % 7];
          const kept = place.filter((_, axis) => !reduced.includes(axis)).join();
          sums.set(kept, (sums.get(kept) ?? 0) + value);
        }
        const wanted = [...sums.values()];
        const numReduced = x.size / wanted.length;
        for (const keepDims of [false, true]) {
          const kept = shape.flatMap((side, axis) => (reduced.includes(axis) ? (keepDims ? [1] : []) : [side]));
          const [sum, mean] = [tf.sum(x, axes, keepDims), tf.mean(x, axes, keepDims)];
          expect([sum.shape, mean.shape]).toEqual([kept, kept]);
          expectClose(await sum.data(), wanted, TOLERANCE);
          expectClose(
            await mean.data(),
            wanted.map((value) => value / numReduced),
            TOLERANCE,
          );
          tf.dispose([sum, mean]);
        }
      }
      const counted = tf.sum(tf.ones([4, 3], 'int32'), 0);
      expect([counted.dtype, ...(await counted.data())]).toEqual(['int32', 4, 4, 4]);
      tf.dispose([x, counted]);
    });

    it('gives the same input gradient of a convolution as the loops of tfjs', async () => {
      const { tf } = backend();
      const dy = tensor([2, 4, 6, 5], 1);
      const filter = tensor([3, 3, 7, 5], 2);
      const attrs = { strides: 2, pad: 'same', dataFormat: 'NHWC', inputShape: [2, 7, 11, 7] };
      const loops = callKernel(originalKernel('wasm', 'Conv2DBackpropInput')!, { dy, filter }, attrs);
      const ours = tf.engine().runKernel('Conv2DBackpropInput', { dy, filter }, attrs) as Tensor;
      await expectTensorClose(ours, { shape: [2, 7, 11, 7], data: await loops.data() }, TOLERANCE);
    });

    it('leaves no tensor behind', () => {
      const { tf } = backend();
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        tf.matMul(tensor([2, 3, 5], 1), tensor([2, 7, 5], 2), false, true);
        tf.fused.matMul({ a: tensor([2, 3, 5], 1), b: tensor([2, 5, 7], 2), bias: tensor([7], 3) });
        tf.gather(tensor([2, 3, 5], 1), tf.tensor2d([0, 1, 1, 0], [2, 2], 'int32'), 1, 1);
        tf.mean(tensor([2, 3, 5], 1), 1);
      });
      expect(tf.memory().numTensors).toBe(before);
    });
  },
  { devices: ['wasm'] },
);

interface ProductSizes {
  readonly batch: number;
  readonly M: number;
  readonly K: number;
  readonly N: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

async function multiplyByHand(left: Tensor, right: Tensor, sizes: ProductSizes): Promise<Float32Array> {
  const { batch, M, K, N, transposeA, transposeB } = sizes;
  const [a, b] = [await left.data(), await right.data()];
  const out = new Float32Array(batch * M * N);
  for (let item = 0; item < batch; item++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          const x = a[item * M * K + (transposeA ? k * M + m : m * K + k)]!;
          const y = b[item * K * N + (transposeB ? n * K + k : k * N + n)]!;
          sum += x * y;
        }
        out[(item * M + m) * N + n] = sum;
      }
    }
  }
  return out;
}
