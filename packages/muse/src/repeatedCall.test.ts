import { MuseError } from '@muse/backend';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { RepeatedCall } from './repeatedCall.js';
import { Runtime } from './runtime.js';

describeBackends('a call that is repeated', (backend) => {
  it('gives the same in its first shape op by op and then as a plan, and in others', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const call = new RepeatedCall(new Runtime(backend()), 'here', [(x) => tf.add(x, 1), (x) => tf.mul(x, 3)]);
      for (const values of [[1, 2], [1, 2], [5], [1, 2], [5]]) {
        const input = tf.tensor1d(values);
        const output = await call.run(input);
        expect([...(await output.data())]).toEqual(values.map((value) => 3 * (value + 1)));
        expect([...(await input.data())]).toEqual(values);
        tf.dispose([input, output]);
      }
      call.dispose();
    });
  });

  it('ends between its parts if the pipeline is disposed of, and frees what it has', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const runtime = new Runtime(backend());
      const end = (x: Tensor) => {
        runtime.dispose();
        return tf.add(x, 1);
      };
      const call = new RepeatedCall(runtime, 'here', [end, (x) => tf.mul(x, 3)]);
      const input = tf.tensor1d([1]);
      await expect(call.run(input)).rejects.toThrow(MuseError);
      input.dispose();
    });
  });
});

describeBackends(
  'a call that is repeated',
  (backend) => {
    it('computes a part when the GPU has ended the one before', async () => {
      const { tf } = backend();
      const { device: gpu } = tf.backend() as unknown as { device: GPUDevice };
      const ended: string[] = [];
      const part = (name: string) => (x: Tensor) => {
        ended.push(`${name} starts`);
        let product = x;
        for (let i = 0; i < 20; i++) product = tf.matMul(product, x); // more than a submission
        void gpu.queue.onSubmittedWorkDone().then(() => ended.push(`${name} ends`));
        return product;
      };
      const input = tf.zeros([256, 256]);
      const output = await new RepeatedCall(new Runtime(backend()), 'here', [part('a'), part('b')]).run(input);
      expect(ended.slice(0, 3)).toEqual(['a starts', 'a ends', 'b starts']);
      tf.dispose([input, output]);
    });
  },
  { devices: ['webgpu'] },
);
