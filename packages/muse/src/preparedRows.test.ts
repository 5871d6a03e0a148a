import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { PreparedRows } from './preparedRows.js';

describeBackends('rows of a conditioning', (backend) => {
  it('are the prompt’s and the unconditional one for each image, in whatever order they are asked for, made once', async () => {
    await expectNoLeaks(backend(), async () => {
      const { tf } = backend();
      const made: string[] = [];
      const row = (name: string, value: number) => {
        made.push(name);
        const keys = [tf.tensor2d([[value, value + 1]]), tf.tensor2d([[value + 2]])];
        return { keys, dispose: () => tf.dispose(keys) };
      };
      const rows = new PreparedRows({ prompt: () => row('prompt', 3), unconditional: () => row('unconditional', 11) });
      const values = async ({ keys }: { keys: Tensor[] }) =>
        Promise.all(keys.map(async (key) => [...(await key.data())]));
      expect(await values(rows.joined(true))).toEqual([
        [3, 4, 11, 12],
        [5, 13],
      ]);
      expect(await values(rows.joined(false))).toEqual([[3, 4], [5]]);
      expect(await values(rows.joined(false, 2))).toEqual([
        [3, 4, 3, 4],
        [5, 5],
      ]);
      expect(await values(rows.joined(false))).toEqual([[3, 4], [5]]);
      expect(await values(rows.joined(true, 2))).toEqual([
        [3, 4, 3, 4, 11, 12, 11, 12],
        [5, 5, 13, 13],
      ]);
      const apart = rows.apart(true, 2);
      expect(await Promise.all(apart.map(values))).toEqual([
        [[3, 4], [5]],
        [[3, 4], [5]],
        [[11, 12], [13]],
        [[11, 12], [13]],
      ]);
      expect(apart[0]).toBe(apart[1]);
      expect(made).toEqual(['prompt', 'unconditional']);
      rows.dispose();
    });
  });

  it('does not keep the prompt’s row beside those that begin with it', async () => {
    const { tf } = backend();
    const source = (value: number) => () => {
      const key = tf.fill([1, 1000], value);
      return { key, dispose: () => key.dispose() };
    };
    const before = tf.memory().numBytes;
    const rows = new PreparedRows({ prompt: source(3), unconditional: source(5) });
    rows.joined(true);
    expect(tf.memory().numBytes - before).toBe(3 * 1000 * 4); // both joined, and the unconditional one, which other prompts may share
    rows.dispose();
  });
});
