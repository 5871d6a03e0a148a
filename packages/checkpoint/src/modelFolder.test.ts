import { ConfigError, WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memoryFolder } from './byteSource.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { openModelFolder } from './modelFolder.js';

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const index = {
  format: 'muse',
  formatVersion: 1,
  name: 'tiny',
  license: 'Apache-2.0',
  components: { vqgan: 'VQGAN', transformer: 'MaskedTransformer' },
  sampling: {
    numSteps: 8,
    guidanceScale: 0,
    guidanceSchedule: 'constant',
    sampleTemperature: 1,
    choiceTemperature: [1, 0],
    order: 'halton',
    maskSchedule: 'arccos',
  },
  imageSize: [32, 32],
};
const files = (): Map<string, Uint8Array> =>
  new Map([
    ['model_index.json', json(index)],
    ['vqgan/config.json', json({ codebookSize: 13 })],
    ['vqgan/notes.txt', json('hello')],
    [
      'vqgan/model.safetensors',
      encodeSafetensors({ w: { dtype: 'I8', shape: [3], data: Int8Array.of(1, 2, 3) } }, { step: '5' }),
    ],
  ]);

test('gives index, configuration, folder and weights of a component', async () => {
  const folder = await openModelFolder(memoryFolder('tiny', files()));
  expect(folder.index).toEqual(index);
  const vqgan = await folder.component('vqgan');
  expect(vqgan.name).toBe('vqgan');
  expect(vqgan.config).toEqual({ codebookSize: 13 });
  expect(vqgan.folder.location).toBe('tiny/vqgan');
  expect(await vqgan.folder.has('notes.txt')).toBe(true);
  const checkpoint = await vqgan.checkpoint();
  expect(checkpoint.metadata).toEqual({ step: '5' });
  expect((await checkpoint.read('w')).data).toEqual(Int8Array.of(1, 2, 3));
});

test('names what is not there: index, component, configuration, weights', async () => {
  await expect(openModelFolder(memoryFolder('empty', new Map()))).rejects.toThrow(
    '[checkpoint] openModelFolder: expected a model folder with model_index.json at empty, got none',
  );
  const folder = await openModelFolder(memoryFolder('tiny', files()));
  await expect(folder.component('text_encoder')).rejects.toThrow(
    'expected a component text_encoder in tiny, got only vqgan, transformer',
  );
  await expect(folder.component('toString')).rejects.toThrow(WeightError);
  await expect(folder.component('transformer')).rejects.toThrow('expected a file transformer/config.json in tiny');
  const bare = files();
  bare.delete('vqgan/model.safetensors');
  const vqgan = await (await openModelFolder(memoryFolder('tiny', bare))).component('vqgan');
  await expect(vqgan.checkpoint()).rejects.toThrow('in tiny/vqgan, got none');
});

test('refuses an index with a wrong field before it looks at components', async () => {
  const wrong = files().set('model_index.json', json({ ...index, imageSize: 64 }));
  await expect(openModelFolder(memoryFolder('tiny', wrong))).rejects.toThrow(ConfigError);
  await expect(openModelFolder(memoryFolder('tiny', wrong))).rejects.toThrow(
    'tiny/model_index.json: expected imageSize',
  );
});
