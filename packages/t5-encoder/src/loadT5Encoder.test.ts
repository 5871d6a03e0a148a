import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, createBackend, WeightError } from '@muse/backend';
import {
  encodeSafetensors,
  type ModelComponent,
  memoryFolder,
  openCheckpoint,
  type TensorData,
} from '@muse/checkpoint';
import { fileSource, nodeFolder, saveParameters } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { beforeAll, describe, expect, it } from 'vitest';
import { resolveT5Config } from './config.js';
import { loadT5Encoder } from './loadT5Encoder.js';
import { t5Parameters } from './parameters.js';

const config: unknown = JSON.parse(await readFile(fixturePath('t5/t5-v1_0-tiny/config.json'), 'utf8'));

/** The golden's weights after `change`, with further files, as a component in memory. */
async function changed(
  change: (tensors: Map<string, TensorData>) => void,
  files: readonly (readonly [string, Uint8Array])[] = [],
): Promise<ModelComponent> {
  const checkpoint = await openCheckpoint(nodeFolder(fixturePath('t5/t5-v1_0-tiny')));
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) tensors.set(name, await checkpoint.read(name));
  await checkpoint.close();
  change(tensors);
  const folder = memoryFolder('memory', new Map([['model.safetensors', encodeSafetensors(tensors)], ...files]));
  return { name: 'text_encoder', config, folder, checkpoint: () => openCheckpoint(folder) };
}

describe('loadT5Encoder', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
  });

  it('takes the encoder out of a whole T5', async () => {
    const whole = await changed((tensors) => {
      const table = tensors.get('shared.weight')!;
      const norm = tensors.get('encoder.final_layer_norm.weight')!;
      tensors.set('encoder.embed_tokens.weight', table).set('decoder.embed_tokens.weight', table);
      tensors.set('lm_head.weight', table).set('decoder.final_layer_norm.weight', norm);
    });
    const encoder = await loadT5Encoder(backend, whole);
    expect([...encoder.parameters.keys()].filter((name) => name.includes('embed_tokens'))).toEqual([]);
    expect(encoder.config).toEqual(resolveT5Config(config));
    expect(encoder.tokenizer).toBeUndefined();
  });

  it('takes the embedding under its second name when it has only that', async () => {
    const renamed = await changed((tensors) => {
      tensors.set('encoder.embed_tokens.weight', tensors.get('shared.weight')!);
      tensors.delete('shared.weight');
    });
    expect((await loadT5Encoder(backend, renamed)).parameters.get('shared.weight')!.shape).toEqual([173, 44]);
  });

  it('saves to what it was loaded from, to the bit', async () => {
    const encoder = await loadT5Encoder(backend, await changed(() => {}));
    const folder = await mkdtemp(join(tmpdir(), 'muse-t5-'));
    const path = join(folder, 'model.safetensors');
    await saveParameters(path, encoder.parameters, t5Parameters(encoder.config));
    const [saved, golden] = [
      await openCheckpoint(await fileSource(path)),
      await openCheckpoint(nodeFolder(fixturePath('t5/t5-v1_0-tiny'))),
    ];
    expect(new Set(saved.names)).toEqual(new Set(golden.names));
    for (const name of golden.names) expect(await saved.read(name), name).toEqual(await golden.read(name));
    await Promise.all([saved.close(), golden.close()]);
    await rm(folder, { recursive: true });
  });

  it('names what is missing and what is not ours, and keeps no tensor', async () => {
    const before = backend.tf.memory().numTensors;
    const wrong = await changed((tensors) => {
      tensors.set('encoder.extra.weight', tensors.get('shared.weight')!);
      tensors.delete('encoder.block.1.layer.0.SelfAttention.q.weight');
    });
    const loading = loadT5Encoder(backend, wrong);
    await expect(loading).rejects.toThrow(WeightError);
    await expect(loading).rejects.toThrow(
      /block\.1\.layer\.0\.SelfAttention\.q\.weight \[50, 44\][\s\S]*encoder\.extra\.weight/,
    );
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  it('reads tokenizer.json, or else spiece.model', async () => {
    const file = async (name: string) => new Uint8Array(await readFile(fixturePath(`t5/t5-tokenizer/${name}`)));
    const words = new Uint8Array(await readFile(fixturePath('t5/t5-words/tokenizer.json')));
    const both = await changed(() => {}, [
      ['tokenizer.json', words],
      ['spiece.model', await file('spiece.model')],
    ]);
    expect((await loadT5Encoder(backend, both)).tokenizer?.vocabSize).toBe(157);
    const spiece = await changed(() => {}, [['spiece.model', await file('spiece.model')]]);
    const before = backend.tf.memory().numTensors;
    // 2300 pieces and 100 sentinels are more than this embedding has.
    await expect(loadT5Encoder(backend, spiece)).rejects.toThrow('at most vocabSize = 173 ids, got one of 2400');
    expect(backend.tf.memory().numTensors).toBe(before);
  });
});
