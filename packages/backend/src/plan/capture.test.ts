import { describeBackends, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { Backend } from '../index.js';

/** A layer of a transformer: products, attention, norm, GELU, scalars made inside, broadcasts. */
function layer({ ops, tf }: Backend, weights: readonly Tensor[]) {
  const [norm, query, up, down] = weights as [Tensor, Tensor2D, Tensor2D, Tensor2D];
  return (x: Tensor, keyMask: Tensor) => {
    const normal = ops.layerNorm(x, norm as never);
    const q = ops.linear(normal, query) as Tensor3D;
    const mixed = tf.add(x, ops.attention(q, q, q, { numHeads: 3, keyMask: keyMask as Tensor2D }));
    return tf.add(mixed, ops.linear(ops.gelu(ops.linear(tf.mul(mixed, 0.7), up)), down));
  };
}

const bits = async (tensor: Tensor) => [...new Uint32Array((await tensor.data()).slice().buffer)];

describeBackends('a plan', (backend, device) => {
  const make = () => {
    const { tf } = backend();
    const weights = [
      tf.ones([15]),
      ...[
        [15, 15],
        [15, 29],
        [29, 15],
      ].map((shape, i) => tf.randomNormal(shape, 0, 0.3, 'float32', i + 1)),
    ];
    const x = tf.randomNormal([2, 7, 15], 0, 1, 'float32', 5);
    const mask = tf.tensor2d([1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0], [2, 7]);
    return { weights, x, mask, fn: layer(backend(), weights) };
  };

  it('repeats the function to the bit, with inputs that change', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const { weights, x, mask, fn } = make();
      const plan = await backend().capture(fn, [x, mask]);
      expect(plan.dispatchCount > 0).toBe(device === 'webgpu');
      for (const seed of [11, 12, 13]) {
        const input = tf.randomNormal([2, 7, 15], 0, 1, 'float32', seed);
        const expected = tf.tidy(() => fn(input, mask));
        const [fromTensor] = await plan.run([input, mask]);
        const [fromValues] = await plan.run([await input.data(), mask]);
        expect(await bits(fromTensor!)).toEqual(await bits(expected));
        expect(await bits(fromValues!)).toEqual(await bits(expected));
        expect(fromTensor!.shape).toEqual([2, 7, 15]);
        tf.dispose([input, expected, fromTensor!, fromValues!]);
      }
      plan.dispose();
      tf.dispose([x, mask, ...weights]);
    });
  });

  it('of several calls gives each the bits of the call alone, of another shape and of the same tensors too', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const { weights, x, mask, fn } = make();
      const call = (a: Tensor, m: Tensor) => [fn(a, m), m];
      const plan = await backend().capture(call, [x, mask, x, mask], { numCalls: 2 });
      for (const B of [2, 1, 2]) {
        const inputs = [1, 2].map((seed) => tf.randomNormal([B, 7, 15], 0, 1, 'float32', seed));
        const masks = tf.tidy(() => tf.slice(mask, 0, B));
        for (const [first, second] of [inputs, [inputs[1]!, inputs[1]!]]) {
          const results = await plan.run([first!, masks, second!, masks]);
          const wanted = tf.tidy(() => [...call(first!, masks), ...call(second!, masks)].map((one) => tf.clone(one)));
          expect(await Promise.all(results.map(bits))).toEqual(await Promise.all(wanted.map(bits)));
          tf.dispose([...results, ...wanted]);
        }
        tf.dispose([...inputs, masks]);
      }
      plan.dispose();
      tf.dispose([x, mask, ...weights]);
    });
  });

  it('of several calls refuses inputs that they could not share', async () => {
    const { tf } = backend();
    const [a, b] = [tf.zeros([2, 3]), tf.zeros([3])];
    const capture = async (inputs: Tensor[], numCalls: number) =>
      (await backend().capture((x) => tf.add(x, 1), inputs, { numCalls })).dispose();
    const start = '[backend] capture: expected inputs of the same shapes and dtypes for each of';
    await expect(capture([a, b], 2)).rejects.toThrow(`${start} 2 calls, got float32 [2, 3]; float32 [3]`);
    await expect(capture([a, a, a], 2)).rejects.toThrow(
      `${start} 2 calls, got float32 [2, 3] and float32 [2, 3]; float32 [2, 3]`,
    );
    await expect(capture([a], 0)).rejects.toThrow(`${start} 0 calls, got none`);
    tf.dispose([a, b]);
  });

  it('is captured anew for another shape, and again for the first', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const { weights, x, mask, fn } = make();
      const plan = await backend().capture(fn, [x, mask]);
      for (const [B, S] of [
        [3, 5],
        [2, 7],
        [1, 11],
      ] as const) {
        const input = tf.randomNormal([B, S, 15], 0, 1, 'float32', B);
        const ones = tf.ones([B, S]);
        const expected = tf.tidy(() => fn(input, ones));
        const [got] = await plan.run([input, ones]);
        expect(got!.shape).toEqual([B, S, 15]);
        expect(await bits(got!)).toEqual(await bits(expected));
        tf.dispose([input, ones, expected, got!]);
      }
      plan.dispose();
      tf.dispose([x, mask, ...weights]);
    });
  });

  it('of functions that follow each other is that of their sequence, whatever they hand on', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const { weights, x, mask, fn } = make();
      const parts = [
        (a: Tensor, m: Tensor) => [fn(a, m), m, a, tf.mul(tf.tensor1d([7, 11]), 2), tf.tensor1d([7, 11])],
        (a: Tensor, m: Tensor, first: Tensor, made: Tensor, given: Tensor) => [
          fn(a, m),
          first,
          made,
          given,
          tf.add(m, 1),
        ],
        (a: Tensor, first: Tensor, made: Tensor, given: Tensor) => [
          tf.add(fn(a, mask), first),
          made,
          tf.mul(given, made),
          a,
          a,
        ],
      ];
      const plan = await backend().capture(parts, [x, mask]);
      for (const seed of [11, 12]) {
        const input = tf.randomNormal([2, 7, 15], 0, 1, 'float32', seed);
        const expected = tf.tidy(() => {
          const twice = fn(fn(input, mask), mask);
          return [tf.add(fn(twice, mask), input), twice];
        });
        const outputs = await plan.run([input, mask]);
        expect(await bits(outputs[0]!)).toEqual(await bits(expected[0]!));
        expect([...(await outputs[1]!.data())]).toEqual([14, 22]);
        expect([...(await outputs[2]!.data())]).toEqual([98, 242]);
        for (const output of outputs.slice(3)) expect(await bits(output)).toEqual(await bits(expected[1]!));
        tf.dispose([input, ...expected, ...outputs]);
      }
      plan.dispose();
      tf.dispose([x, mask, ...weights]);
    });
  });

  it('runs several times at once, each with its own result', async () => {
    const { tf } = backend();
    const table = tf.range(0, 13);
    const plan = await backend().capture((ids) => tf.gather(table, ids as Tensor2D), [tf.zeros([1, 3], 'int32')]);
    const runs = await Promise.all(
      [
        [0, 1, 2],
        [3, 5, 7],
        [12, 11, 10],
      ].map((ids) => plan.run([Int32Array.from(ids)])),
    );
    const values = await Promise.all(runs.map(async ([run]) => [...(await run!.data())]));
    expect(values).toEqual([
      [0, 1, 2],
      [3, 5, 7],
      [12, 11, 10],
    ]);
    plan.dispose();
    tf.dispose([table, ...runs.flat()]);
  });

  it('gives several outputs, inputs and constants among them', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const x = tf.tensor1d([1, 2, 3]);
      const plan = await backend().capture((a) => [a, tf.reshape(a, [3, 1]), tf.tensor1d([7]), tf.mul(a, 2)], [x]);
      const outputs = await plan.run([Float32Array.of(4, 5, 6)]);
      await expectTensorClose(outputs[0]!, { shape: [3], data: [4, 5, 6] }, 0);
      await expectTensorClose(outputs[1]!, { shape: [3, 1], data: [4, 5, 6] }, 0);
      await expectTensorClose(outputs[2]!, { shape: [1], data: [7] }, 0);
      await expectTensorClose(outputs[3]!, { shape: [3], data: [8, 10, 12] }, 0);
      await expectTensorClose(x, { shape: [3], data: [1, 2, 3] }, 0);
      plan.dispose();
      tf.dispose([x, ...outputs]);
    });
  });

  it('refuses what does not fit, and works no more after dispose', async () => {
    const { tf } = backend();
    const x = tf.zeros([2, 3]);
    const plan = await backend().capture((a) => tf.add(a, 1), [x]);
    await expect(plan.run([])).rejects.toThrow('[backend] Plan.run: expected 1 inputs, got 0');
    await expect(plan.run([new Float32Array(5)])).rejects.toThrow('expected 6 values of input 0 [2, 3], got 5');
    const ids = tf.zeros([2, 3], 'int32');
    await expect(plan.run([ids])).rejects.toThrow('expected input 0 of float32, got int32');
    plan.dispose();
    plan.dispose();
    await expect(plan.run([x])).rejects.toThrow('expected a plan in use, got one that was disposed');
    tf.dispose([x, ids]);
  });
});

describeBackends(
  'a plan of GPU commands',
  (backend) => {
    const gpu = () => backend().tf.backend() as unknown as { device: GPUDevice };

    it('keeps the weights that it reads until it is disposed', async () => {
      const { tf } = backend();
      const weight = tf.tensor1d([3, 5]);
      const before = tf.engine().memory().numDataBuffers;
      const plan = await backend().capture((x) => tf.mul(x, weight), [tf.ones([2])]);
      weight.dispose();
      const others = Array.from({ length: 9 }, () => tf.add(tf.ones([2]), 1)); // would take the freed buffer
      const [product] = await plan.run([Float32Array.of(7, 11)]);
      expect([...(await product!.data())]).toEqual([21, 55]);
      plan.dispose();
      tf.dispose([product!, ...others]);
      expect(tf.engine().memory().numDataBuffers).toBeLessThan(before + 20);
    });

    it('reuses buffers: a long chain takes two, which the recorded call has left', async () => {
      const { tf } = backend();
      const x = tf.ones([64, 67]);
      const created: number[] = [];
      const original = gpu().device.createBuffer;
      gpu().device.createBuffer = (descriptor) => {
        if (descriptor.usage & GPUBufferUsage.STORAGE) created.push(descriptor.size);
        return original.call(gpu().device, descriptor);
      };
      const chain = (a: Tensor) => {
        let y = a;
        for (let i = 0; i < 20; i++) y = tf.mul(tf.add(y, 1), 0.5);
        return y;
      };
      try {
        const eager = tf.tidy(() => chain(x)); // leaves what it does not return in the pool
        await backend().checkErrors();
        created.length = 0;
        const plan = await backend().capture(chain, [x]);
        expect(plan.dispatchCount).toBe(40);
        expect(plan.sizeBytes).toBe(2 * 64 * 67 * 4);
        // What the call above did not take: the plan's input, and a result beside the one that is kept.
        expect(created.filter((size) => size === 64 * 67 * 4).length).toBeLessThanOrEqual(2);
        const [again] = await plan.run([x]);
        expect(await bits(again!)).toEqual(await bits(eager));
        plan.dispose();
        tf.dispose([eager, again!]);
      } finally {
        delete (gpu().device as Partial<GPUDevice>).createBuffer;
        x.dispose();
      }
    });

    it('has the device give back what a part has used before the next is recorded', async () => {
      const { tf } = backend();
      const allocated = () => (tf.memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
      const x = tf.fill([1024, 4099], 1);
      await backend().freeMemory();
      const before = allocated();
      const between: number[] = [];
      /** A chain of five tensors of about 16 MiB and a few columns. */
      const part = (columns: number) => (a: Tensor) => {
        between.push(allocated() - before);
        let y: Tensor = tf.slice(a, [0, 0], [1024, columns]);
        for (let i = 0; i < 5; i++) y = tf.add(y, 1);
        return y;
      };
      const plan = await backend().capture([part(4098), part(4097), part(4096)], [x]);
      const MIB = 2 ** 20;
      // The plan's own input, and what the last part has given; its chain would be as much again.
      for (const bytes of between.slice(1)) expect(bytes).toBeLessThan(34 * MIB);
      const [sum] = await plan.run([x]);
      expect((await sum!.data()).every((value) => value === 16)).toBe(true);
      plan.dispose();
      tf.dispose([x, sum!]);
    });

    it('refuses a second part that leaves the GPU, and leaves nothing behind', async () => {
      const { tf } = backend();
      const x = tf.ones([4]);
      await expectNoLeaks(backend(), async () => {
        const reads = (a: Tensor) => tf.mul(a, tf.mul(a, 2).dataSync()[0]!);
        const parts = [(a: Tensor) => tf.add(a, 1), reads];
        await expect(backend().capture(parts, [x])).rejects.toThrow('stays on the GPU, no reading of values');
      });
      x.dispose();
    });

    it('refuses a function that leaves the GPU, and leaves nothing behind', async () => {
      const { tf } = backend();
      const x = tf.ones([4]);
      await expectNoLeaks(backend(), async () => {
        const reads = (a: Tensor) => tf.mul(a, tf.mul(a, 2).dataSync()[0]!);
        await expect(backend().capture(reads, [x])).rejects.toThrow('stays on the GPU, no reading of values');
        const nothing = tf.zeros([0, 3]);
        await expect(backend().capture((a) => a, [nothing])).rejects.toThrow('got float32 [0, 3]');
        nothing.dispose();
      });
      // The device is as before.
      const sum = tf.add(x, 1);
      expect([...(await sum.data())]).toEqual([2, 2, 2, 2]);
      tf.dispose([x, sum]);
    });

    it('rejects the run in which the device reports an error', async () => {
      const { tf } = backend();
      const x = tf.ones([4]);
      const plan = await backend().capture((a) => tf.add(a, 1), [x]);
      const { device } = gpu();
      const original = device.createCommandEncoder;
      device.createCommandEncoder = (descriptor) => {
        device.createBuffer({ size: 4, usage: 0 }); // a buffer needs a use
        return original.call(device, descriptor);
      };
      try {
        await expect(plan.run([x])).rejects.toThrow('[backend] webgpu: ');
      } finally {
        delete (device as Partial<GPUDevice>).createCommandEncoder;
      }
      const [sum] = await plan.run([x]); // the next one is well
      expect([...(await sum!.data())]).toEqual([2, 2, 2, 2]);
      plan.dispose();
      tf.dispose([x, sum!]);
    });
  },
  { devices: ['webgpu'] },
);
