import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, createBackend, WeightError } from '@muse/backend';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../checkpoint.js';
import { loadParameters } from '../loadParameters.js';
import { initParameters, type ParameterSpec, type Parameters } from '../parameters.js';
import { fileSource } from './fileSource.js';
import { type SaveParametersOptions, saveParameters } from './saveParameters.js';

const specs: ParameterSpec[] = [
  { name: 'linear', shape: [7, 5], layout: 'linear', init: { kind: 'normal', std: 1 } },
  { name: 'conv', shape: [7, 5, 3, 2], layout: 'conv', init: { kind: 'normal', std: 1 } },
  { name: 'scale', shape: [11], layout: 'none', init: { kind: 'ones' } },
  { name: 'counts', shape: [3], layout: 'none', init: { kind: 'zeros' }, dtype: 'int32' },
];

let backend: Backend;
let folder: string;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
  folder = await mkdtemp(join(tmpdir(), 'muse-parameters-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function saved(parameters: Parameters, options: SaveParametersOptions, of = specs) {
  const path = join(folder, `${options.dtype ?? 'default'}.safetensors`);
  await saveParameters(path, parameters, of, options);
  return openCheckpoint(await fileSource(path));
}

describe('parameters', () => {
  test('are in the file in PyTorch’s layout', async () => {
    const parameters = new Map([
      [
        'linear',
        backend.tf.tensor2d([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ],
    ]);
    const spec: ParameterSpec = { name: 'linear', shape: [3, 2], layout: 'linear', init: { kind: 'zeros' } };
    const file = await saved(parameters, {}, [spec]);
    expect(await file.read('linear')).toEqual({ dtype: 'F32', shape: [3, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) });
    await file.close();
    parameters.get('linear')!.dispose();
  });

  // Half of a unit in the last place, relative: 2⁻¹¹ and 2⁻⁸; F16's subnormals add 2⁻²⁵ absolute.
  test.each([
    ['F32', 0],
    ['F16', 2 ** -11],
    ['BF16', 2 ** -8],
  ] as const)('come back from %s', async (dtype, tolerance) => {
    const parameters = initParameters(backend, specs, 5);
    const file = await saved(parameters, { dtype, metadata: { step: '5' } });
    expect(file.metadata).toEqual({ step: '5' });
    expect(file.info('conv').dtype).toBe(dtype);
    expect(file.info('counts').dtype).toBe('I32');
    const loaded = await loadParameters(backend, file, specs);
    for (const { name } of specs) {
      const [before, after] = [await parameters.get(name)!.data(), await loaded.get(name)!.data()];
      expect(loaded.get(name)!.shape).toEqual(parameters.get(name)!.shape);
      before.forEach((value, i) => {
        expect(Math.abs(after[i]! - value)).toBeLessThanOrEqual(Math.abs(value) * tolerance + (tolerance && 2 ** -25));
      });
    }
    await file.close();
    backend.tf.dispose([...parameters.values(), ...loaded.values()]);
  });
});

describe('leaves nothing behind and names the tensor when', () => {
  const expectRefused = async (
    change: (parameters: Parameters) => void,
    options: SaveParametersOptions,
    message: string,
  ) => {
    const before = await readdir(folder);
    const parameters = initParameters(backend, specs, 5);
    const originals = [...parameters.values()];
    change(parameters);
    const save = saveParameters(join(folder, 'refused'), parameters, specs, options);
    await expect(save).rejects.toThrow(WeightError);
    await expect(save).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual(before);
    backend.tf.dispose([...originals, ...parameters.values()]);
  };
  const filled = (value: number) => backend.tf.fill([11], value);

  test('a value is NaN', () =>
    expectRefused((p) => p.set('scale', filled(Number.NaN)), {}, 'finite values in tensor scale, got NaN at 0 of 11'));

  test('a value is too large for F16', () =>
    expectRefused(
      (p) => p.set('scale', filled(70_000)),
      { dtype: 'F16' },
      'tensor scale in the range of F16, got 70000 at 0',
    ));

  test('tensors are missing, surplus, misshapen or mistyped', () =>
    expectRefused(
      (p) => {
        p.delete('linear');
        p.set('scale', backend.tf.zeros([13]));
        p.set('counts', backend.tf.zeros([3]));
        p.set('other', backend.tf.zeros([1]));
      },
      {},
      [
        'expected the 4 tensors of the model, got:',
        '  linear is missing',
        '  scale expected float32 [11], got float32 [13]',
        '  counts expected int32 [3], got float32 [3]',
        '  other is surplus',
      ].join('\n'),
    ));
});
