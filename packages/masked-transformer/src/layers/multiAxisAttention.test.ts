import { type Backend, createBackend } from '@muse/backend';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromBlocks, multiAxisAttention, toBlocks } from './multiAxisAttention.js';

const grid = { side: 6, blockSize: 2 } as const; // 3 × 3 blocks of 2 × 2
const S = grid.side ** 2;

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
});
afterAll(() => backend.dispose());

/** i32 positions 0 … 35, row by row, as one channel. */
const positions = () =>
  tf.tensor3d(
    Float32Array.from({ length: S }, (_, i) => i),
    [1, S, 1],
  );

describe('toBlocks', () => {
  it('puts block beside block, each row by row', async () => {
    const order = await toBlocks(positions(), grid).data();
    expect([...order.slice(0, 8)]).toEqual([0, 1, 6, 7, 2, 3, 8, 9]);
    expect([...order.slice(12, 16)]).toEqual([12, 13, 18, 19]);
  });

  it('is undone by fromBlocks, channels and images kept together', async () => {
    const x = tf.randomNormal<tf.Rank.R3>([2, S, 5], 0, 1, 'float32', 3);
    expect(await fromBlocks(toBlocks(x, grid), grid).data()).toEqual(await x.data());
  });
});

describe('multiAxisAttention', () => {
  /** Which positions, row by row, the output of `position` changes with, per half of the channels. */
  async function seenFrom(position: number): Promise<[within: number[], across: number[]]> {
    const width = 4; // two heads of 2
    const values = tf.randomNormal<tf.Rank.R3>([1, S, width], 0, 1, 'float32', 5);
    const zeros = tf.zeros<tf.Rank.R3>([1, S, width]); // scores alike: each key that is seen counts
    const out = async (of: tf.Tensor3D) => {
      const mixed = multiAxisAttention(backend.ops, zeros, zeros, toBlocks(of, grid), { numHeads: 2, numBlocks: 9 });
      return (await fromBlocks(mixed, grid).data()).subarray(position * width, (position + 1) * width);
    };
    const first = await out(values);
    const seen: [number[], number[]] = [[], []];
    for (let other = 0; other < S; other++) {
      const bump = tf.buffer<tf.Rank.R3>([1, S, width]);
      for (let channel = 0; channel < width; channel++) bump.set(1, 0, other, channel);
      const moved = await out(tf.add(values, bump.toTensor()));
      if (moved[0] !== first[0] || moved[1] !== first[1]) seen[0].push(other);
      if (moved[2] !== first[2] || moved[3] !== first[3]) seen[1].push(other);
    }
    return seen;
  }

  it('sees the block with the first half of the heads, its places in all blocks with the second', async () => {
    // Position 15 is row 2, column 3: block of rows 2–3 and columns 2–3, upper right place in it.
    const [within, across] = await seenFrom(15);
    expect(within).toEqual([14, 15, 20, 21]);
    expect(across).toEqual([1, 3, 5, 13, 15, 17, 25, 27, 29]);
  });
});
