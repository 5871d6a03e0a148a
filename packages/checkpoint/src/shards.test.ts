import { readFile } from 'node:fs/promises';
import { WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describe, expect, test } from 'vitest';
import { type FolderSource, memoryFolder } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { nodeFolder } from './node/index.js';

const first = 'model-00001-of-00002.safetensors';
const second = 'model-00002-of-00002.safetensors';
const index = 'model.safetensors.index.json';
const golden = (file: string) => readFile(fixturePath(`checkpoint/sharded/${file}`));

/** The golden folder with another weight_map; also without some file. */
async function folderWith(weightMap: unknown, without?: string): Promise<FolderSource> {
  const files = new Map<string, Uint8Array>();
  for (const file of [first, second]) if (file !== without) files.set(file, await golden(file));
  files.set(index, new TextEncoder().encode(JSON.stringify({ metadata: {}, weight_map: weightMap })));
  return memoryFolder('folder', files);
}
const right = { 'a.weight': first, 'a.bias': first, 'b.weight': second };

test('shards of Python’s safetensors open as one checkpoint', async () => {
  const whole = await openCheckpoint(nodeFolder(fixturePath('checkpoint/sharded')));
  expect(new Set(whole.names)).toEqual(new Set(Object.keys(right)));
  expect(whole.metadata).toEqual({ format: 'pt' });
  expect(whole.info('b.weight')).toEqual({ dtype: 'F16', shape: [2, 3], sizeBytes: 12 });
  for (const [name, file] of Object.entries(right)) {
    const shard = await openCheckpoint(nodeFolder(fixturePath('checkpoint/sharded')), { file });
    expect(await whole.read(name)).toEqual(await shard.read(name));
    await shard.close();
  }
  await whole.close();
});

test('a tensor of no shard is a WeightError', async () => {
  const whole = await openCheckpoint(await folderWith(right));
  await expect(whole.read('c')).rejects.toThrow(`folder/${index}: expected a tensor c, got none among 3`);
  expect(() => whole.info('c')).toThrow(WeightError);
});

describe('an index is refused that', () => {
  test('puts a tensor into the wrong shard, or leaves one out, naming each', async () => {
    await expect(openCheckpoint(await folderWith({ ...right, 'a.bias': second, c: first }))).rejects.toThrow(
      `expected index and shards to agree, got:\n  a.bias is not in ${second}\n  c is not in ${first}\n` +
        `  a.bias of ${first} is not in the index`,
    );
    const { 'b.weight': _, ...rest } = right;
    await expect(openCheckpoint(await folderWith({ ...rest, 'a.bias': second }))).rejects.toThrow(
      `b.weight of ${second} is not in the index`,
    );
  });

  test('names a shard that is not there', async () => {
    await expect(openCheckpoint(await folderWith(right, second))).rejects.toThrow(
      `expected a file ${second} in folder`,
    );
  });

  test('leads out of the folder', async () => {
    for (const file of ['../other.safetensors', '/etc/model', 'a\\b', '', 7]) {
      await expect(openCheckpoint(await folderWith({ w: file }))).rejects.toThrow('weight_map.w to be a file name');
    }
  });

  test('has no weight_map, or an empty one, or is no JSON', async () => {
    await expect(openCheckpoint(await folderWith(undefined))).rejects.toThrow(
      'weight_map to be an object, got undefined',
    );
    await expect(openCheckpoint(await folderWith({}))).rejects.toThrow('expected tensors in weight_map, got none');
    const broken = memoryFolder('folder', new Map([[index, new TextEncoder().encode('{')]]));
    await expect(openCheckpoint(broken)).rejects.toThrow(WeightError);
  });
});

test('closes the shards it opened when a later one is bad', async () => {
  const inner = await folderWith(right, second);
  let open = 0;
  const folder: FolderSource = {
    ...inner,
    async open(path) {
      const source = await inner.open(path);
      open += 1;
      return { ...source, close: async () => void open-- };
    },
  };
  await expect(openCheckpoint(folder)).rejects.toThrow(second);
  expect(open).toBe(0);
});
