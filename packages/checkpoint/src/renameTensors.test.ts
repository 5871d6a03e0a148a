import { WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memorySource } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { renameTensors } from './renameTensors.js';

const opened = () =>
  openCheckpoint(
    memorySource(
      'upstream',
      encodeSafetensors({
        'model.a': { dtype: 'U8', shape: [2], data: Uint8Array.of(3, 5) },
        'model.b': { dtype: 'U8', shape: [1], data: Uint8Array.of(7) },
        'decoder.c': { dtype: 'U8', shape: [1], data: Uint8Array.of(11) },
      }),
    ),
  );

test('gives tensors under their new names and leaves out those without one', async () => {
  const renamed = renameTensors(await opened(), (name) => name.match(/^model\.(.*)/)?.[1]);
  expect(renamed.names).toEqual(['a', 'b']);
  expect(renamed.info('a')).toEqual({ dtype: 'U8', shape: [2], sizeBytes: 2 });
  expect((await renamed.read('a')).data).toEqual(Uint8Array.of(3, 5));
  expect(() => renamed.info('model.a')).toThrow('upstream: expected a tensor model.a, got none among 2');
  await expect(renamed.read('decoder.c')).rejects.toThrow(WeightError);
});

test('refuses one name for two tensors', async () => {
  const checkpoint = await opened();
  expect(() => renameTensors(checkpoint, () => 'same')).toThrow('one tensor for same, got decoder.c and model.a');
});

test('closes what it renames', async () => {
  let closed = 0;
  const checkpoint = { ...(await opened()), close: async () => void closed++ };
  await renameTensors(checkpoint, (name) => name).close();
  expect(closed).toBe(1);
});
