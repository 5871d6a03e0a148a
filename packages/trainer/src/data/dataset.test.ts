import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { stripes } from '../../test/stripes.js';
import { BatchSource } from './dataset.js';

describe('BatchSource', () => {
  it('gives every image once per epoch, in another order each time', () => {
    const source = new BatchSource(stripes(8, 15), 7);
    const epochs = [0, 1].map((epoch) => [0, 1, 2].flatMap((batch) => [...source.indices(epoch * 3 + batch, 5)]));
    for (const epoch of epochs)
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i));
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('gives a batch that depends on seed and index alone', () => {
    const first = new BatchSource(stripes(8, 11), 7);
    const second = new BatchSource(stripes(8, 11), 7);
    for (let batch = 0; batch < 9; batch++) first.indices(batch, 3);
    expect(first.indices(9, 3)).toEqual(second.indices(9, 3));
    expect(new BatchSource(stripes(8, 11), 8).indices(9, 3)).not.toEqual(second.indices(9, 3));
  });

  it('goes on in the next epoch within a batch', () => {
    const source = new BatchSource(stripes(8, 5), 1);
    const all = [...source.indices(0, 7), ...source.indices(1, 7)];
    expect(new Set(all.slice(0, 5)).size).toBe(5);
    expect(new Set(all.slice(5, 10)).size).toBe(5);
  });

  it('loads the images of the indices', async () => {
    const dataset = stripes(8, 5);
    const source = new BatchSource(dataset, 1);
    const { indices, images } = await source.images(2, 2);
    expect(indices).toEqual(source.indices(2, 2));
    expect(images.subarray(8 * 8 * 3)).toEqual(await dataset.image(indices[1]!));
  });

  it('begins to load the next batch, and reports its failure only when it is asked for', async () => {
    let loads = 0;
    const dataset = stripes(8, 4, () => {
      if (++loads > 2) throw new Error('disk gone');
    });
    const source = new BatchSource(dataset, 1);
    await source.images(0, 2);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(loads).toBeGreaterThan(2);
    await expect(source.images(1, 2)).rejects.toThrow('disk gone');
  });

  it('repeats the first batch for ever when asked to', () => {
    const source = new BatchSource(stripes(8, 50), 3, true);
    expect(source.indices(41, 4)).toEqual(source.indices(0, 4));
  });

  it('refuses an empty dataset', () => {
    expect(() => new BatchSource(stripes(8, 0), 1)).toThrow(ConfigError);
  });
});
