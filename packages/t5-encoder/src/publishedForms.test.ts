import { readFile } from 'node:fs/promises';
import { type Backend, createBackend } from '@muse/backend';
import {
  encodeSafetensors,
  type ModelComponent,
  memoryFolder,
  openCheckpoint,
  type TensorData,
} from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { expectClose, type Golden, goldenTensor, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadT5Encoder } from './loadT5Encoder.js';
import { openStreamedT5Encoder } from './streaming/openStreamedT5Encoder.js';

type DType = 'F32' | 'F16' | 'BF16';
const name = (path: string) => fixturePath(`t5/t5-v1_1-tiny/${path}`);

/** The golden in a form in which models are published: of this dtype, in one file or in three shards with an index. */
async function published(dtype: DType, numShards: 1 | 3): Promise<ModelComponent> {
  const golden = await openCheckpoint(nodeFolder(fixturePath('t5/t5-v1_1-tiny')));
  const shards = Array.from({ length: numShards }, () => new Map<string, TensorData>());
  const weightMap: Record<string, string> = {};
  const fileOf = (shard: number) =>
    numShards === 1 ? 'model.safetensors' : `model-0000${shard + 1}-of-00003.safetensors`;
  for (const [index, tensor] of golden.names.entries()) {
    const shard = index % numShards;
    shards[shard]!.set(tensor, { ...(await golden.read(tensor)), dtype });
    weightMap[tensor] = fileOf(shard);
  }
  await golden.close();
  const files = new Map(shards.map((tensors, shard) => [fileOf(shard), encodeSafetensors(tensors)]));
  if (numShards > 1) {
    const index = JSON.stringify({ metadata: { total_size: 0 }, weight_map: weightMap });
    files.set('model.safetensors.index.json', new TextEncoder().encode(index));
  }
  const folder = memoryFolder('memory', files);
  const config: unknown = JSON.parse(await readFile(name('config.json'), 'utf8'));
  return { name: 'text_encoder', config, folder, checkpoint: () => openCheckpoint(folder) };
}

describe.each<[DType, 1 | 3]>([
  ['F32', 1],
  ['F32', 3],
  ['F16', 1],
  ['F16', 3],
  ['BF16', 1],
  ['BF16', 3],
])('a T5 of %s in %d file(s)', (dtype, numShards) => {
  // Made by internal/fixtures/python/t5_dtypes.py, those of F32 by t5.py.
  const expected =
    dtype === 'F32'
      ? loadGolden(name('expected.safetensors')).get('short')!
      : loadGolden(fixturePath('t5/t5-dtypes/expected.safetensors')).get(dtype)!;
  const inputs = loadGolden(name('inputs.safetensors'));
  const [ids, mask] = [inputs.get('short.ids')!, inputs.get('short.mask')!];
  const [, T, D] = expected.shape as [number, number, number];
  const numTokens = (row: number) => mask.data.slice(row * T, (row + 1) * T).filter((bit) => bit !== 0).length;
  const expectStates = (row: number, states: ArrayLike<number>) => {
    const wanted = (expected as Golden).data.slice(row * T * D, (row * T + numTokens(row)) * D);
    expectClose(Float32Array.from(states).slice(0, wanted.length), wanted, 1e-4);
  };
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
  });

  it('gives transformers’ states, in memory and block by block', async () => {
    const model = await published(dtype, numShards);
    const whole = await loadT5Encoder(backend, model);
    const maskTensor = tf.cast(goldenTensor(backend, mask), 'float32') as tf.Tensor2D;
    const states = await whole.forward(goldenTensor(backend, ids) as tf.Tensor2D, maskTensor).data();
    const streamed = await openStreamedT5Encoder(backend, model);
    const rows = [0, 1].map((row) => Int32Array.from(ids.data.slice(row * T, row * T + numTokens(row))));
    const prompts = await streamed.encodeTokens(rows);
    for (const row of [0, 1]) {
      expectStates(row, states.slice(row * T * D, (row + 1) * T * D));
      expectStates(row, prompts[row]!.embeds);
    }
    expect(numTokens(1)).toBe(23);
    whole.dispose();
    await streamed.dispose();
  });
});
