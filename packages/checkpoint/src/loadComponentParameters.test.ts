import { createBackend, WeightError } from '@muse/backend';
import { expect, test } from 'vitest';
import { memoryFolder, memorySource } from './byteSource.js';
import { openCheckpoint } from './checkpoint.js';
import { encodeSafetensors } from './encodeSafetensors.js';
import { loadComponentParameters } from './loadComponentParameters.js';
import type { ModelComponent } from './modelFolder.js';
import type { ParameterSpec } from './parameters.js';
import { renameTensors } from './renameTensors.js';

const specs: ParameterSpec[] = [{ name: 'here', shape: [3], layout: 'none', init: { kind: 'zeros' } }];

function componentOf(name: string) {
  const bytes = encodeSafetensors({ [name]: { dtype: 'F32', shape: [3], data: Float32Array.of(2, 3, 5) } });
  let numClosed = 0;
  const component: ModelComponent = {
    ...{ name: 'part', config: {}, folder: memoryFolder('part', new Map()) },
    async checkpoint() {
      const checkpoint = await openCheckpoint(memorySource('file', bytes));
      return { ...checkpoint, close: async () => void numClosed++ };
    },
  };
  return { component, numClosed: () => numClosed };
}

test('reads what the view shows, and closes the file', async () => {
  const backend = await createBackend({ device: 'cpu' });
  const { component, numClosed } = componentOf('there');
  const view = (checkpoint: Parameters<typeof renameTensors>[0]) => renameTensors(checkpoint, () => 'here');
  const parameters = await loadComponentParameters(backend, component, specs, { view });
  expect([...(await parameters.get('here')!.data())]).toEqual([2, 3, 5]);
  expect(numClosed()).toBe(1);
});

test('closes the file of weights that do not fit, and names the component if asked', async () => {
  const backend = await createBackend({ device: 'cpu' });
  const { component, numClosed } = componentOf('there');
  const failed = loadComponentParameters(backend, component, specs, { name: component.name });
  await expect(failed).rejects.toThrow(WeightError);
  await expect(failed).rejects.toThrow(/part.*here \[3\]/s);
  expect(numClosed()).toBe(1);
});
