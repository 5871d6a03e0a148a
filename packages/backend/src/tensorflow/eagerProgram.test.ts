import { describeBackends, expectTensorClose } from '@muse/test-utils';
import { expect, it } from 'vitest';
import type { Handle } from './eager.js';
import { type EagerProgram, runProgram } from './eagerProgram.js';

const MEGABYTE = 2 ** 20;

/** Memory that 200 runs have cost, MiB. */
function growth(run: () => void): number {
  run();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 200; i++) run();
  return (process.memoryUsage.rss() - before) / MEGABYTE;
}

describeBackends(
  'programs of TensorFlow ops',
  (backend) => {
    /** (x·2 + 1)², read twice on the way. */
    const square = (run: EagerProgram, x: Handle | undefined) => {
      const line = run.twice(run.add(run.mul(x!, 2), 1));
      return run.mul(line, line);
    };

    it('give tfjs their result and nothing else', async () => {
      const { tf } = backend();
      const x = tf.tensor2d([[0, 1, -2]]);
      const before = tf.memory().numTensors;
      const y = tf.tidy(() => runProgram([x], square));
      expect(tf.memory().numTensors).toBe(before + 1);
      await expectTensorClose(y, { shape: [1, 3], data: [1, 9, 9] }, 0);
      tf.dispose([x, y]);
      expect(tf.memory().numTensors).toBe(before - 1);
    });

    it('free what they made on the way, and all of it where an op fails', () => {
      const { tf } = backend();
      const x = tf.zeros([1024, 1024]); // 4 MiB: 200 runs that freed nothing would be past 2 GiB
      const other = tf.zeros([3]);
      expect(growth(() => runProgram([x], square).dispose())).toBeLessThan(200);
      const fail = () => runProgram([x, other], (run, a, b) => run.add(square(run, a), b!));
      expect(fail).toThrow(/shape/i);
      expect(growth(() => expect(fail).toThrow())).toBeLessThan(200);
      expect(() => runProgram([x], (_, a) => a!)).toThrow('expected a result that the program has made');
      tf.dispose([x, other]);
    });
  },
  { devices: ['tensorflow'] },
);
