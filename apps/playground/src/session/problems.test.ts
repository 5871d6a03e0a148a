import { ConfigError, UnsupportedBackendError, WeightError } from '@muse/backend';
import { expect, it } from 'vitest';
import { isDeviceLoss, problemOf } from './problems.ts';

const place = { package: 'muse', in: 'load' };

// As Chromium, WebAssembly and tfjs say it.
it.each([
  new RangeError('Array buffer allocation failed'),
  new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded'),
  new Error('memory access out of bounds'),
  new Error('Aborted(OOM). Build with -sASSERTIONS for more info.'),
  new Error('GPUDevice.createBuffer: Out of memory'),
  new ConfigError(place, 'expected a model that takes at most 4.29 GB on the device wasm, got one of 7.20 GB'),
])('of memory that is not there: %s', (error) => {
  const { title, advice } = problemOf(error);
  expect(title).toBe('There is not enough memory.');
  expect(advice).toMatch(/smaller model/);
});

it.each([
  [new TypeError('Failed to fetch'), 'The model could not be downloaded.', /connection/],
  [
    new Error('[muse] worker: expected a worker that runs, got: its script did not load'),
    'A part of the page could not be downloaded.',
    /connection/,
  ],
  [
    new Error('[muse] worker: expected a worker that runs, got: it ended, most likely for want of memory'),
    'The computation stopped.',
    /start again/,
  ],
  [
    new WeightError(place, 'a/b: expected a model, got no such model (404)'),
    'The hub shows no such model.',
    /org\/name/,
  ],
  [
    new WeightError(place, 'expected an answer, got 403 (forbidden): accept its terms on its page first'),
    'The hub does not give out this model as it is asked.',
    /Accept its terms/,
  ],
  [new WeightError(place, 'expected a header, got nothing'), 'These files are no model that can be used.', /folder/],
  [new UnsupportedBackendError(place, 'expected WebGPU, got none'), 'This device can’t be had here.', /automatic/],
  [new ConfigError(place, 'expected a prompt, got none'), 'That does not work as it is set.', /^Expected a prompt/],
  [new Error('who knows'), 'Something went wrong.', /still here/],
])('says what to do: %s', (error, title, advice) => {
  expect(problemOf(error)).toMatchObject({ title, advice: expect.stringMatching(advice), detail: error.message });
});

it('knows a GPU that is lost from one that failed', () => {
  expect(isDeviceLoss(new Error('[backend] webgpu: the GPU was lost: destroyed'))).toBe(true);
  expect(isDeviceLoss(new Error('A valid external Instance reference no longer exists.'))).toBe(true);
  expect(isDeviceLoss(new Error('GPUDevice.createBuffer: Out of memory'))).toBe(false);
});
