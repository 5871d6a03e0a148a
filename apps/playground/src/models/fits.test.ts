import { expect, it } from 'vitest';
import { fitsDevice } from './fits.ts';

const model = (numParameters: number, largestTensorBytes: number) => ({
  name: 'model',
  license: 'Apache-2.0',
  wasmBytes: 9 * numParameters,
  components: [{ name: 'a', className: 'A', numParameters, sizeBytes: 2 * numParameters, largestTensorBytes }],
});
const MEGA = 1e6;

it('a model fits by its largest tensor and the memory of all', () => {
  expect(fitsDevice(model(12 * MEGA, 4 * MEGA), { maxBindingBytes: 128 * MEGA, memoryBytes: 8e9 })).toEqual({
    fits: 'yes',
    text: 'needs 48.0 MB of memory: fits this device',
  });
  expect(fitsDevice(model(100 * MEGA, 263 * MEGA), { maxBindingBytes: 134 * MEGA })).toEqual({
    fits: 'no',
    text: 'needs 400 MB of memory; its largest tensor is 263 MB, this GPU binds 134 MB',
  });
  expect(fitsDevice(model(500 * MEGA, MEGA), {})).toEqual({
    fits: 'no',
    text: 'needs 4.5 GB of memory, more than WebAssembly can address',
  });
  expect(fitsDevice(model(400 * MEGA, MEGA), { memoryBytes: 4e9 }).fits).toBe('perhaps');
});
