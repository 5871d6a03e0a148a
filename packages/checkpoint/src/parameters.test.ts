import { createBackend } from '@muse/backend';
import { expect, test } from 'vitest';
import { countParameters, initParameters, memoryShape, type ParameterSpec } from './parameters.js';

const specs: ParameterSpec[] = [
  { name: 'linear', shape: [61, 53], layout: 'linear', init: { kind: 'normal', std: 0.5 } },
  { name: 'conv', shape: [7, 5, 3, 2], layout: 'conv', init: { kind: 'normal', std: 2 } },
  { name: 'scale', shape: [11], layout: 'none', init: { kind: 'ones' } },
  { name: 'steps', shape: [2], layout: 'none', init: { kind: 'zeros' }, dtype: 'int32' },
];

test('counts the numbers of a model', () => {
  expect(countParameters(specs)).toBe(61 * 53 + 7 * 5 * 3 * 2 + 11 + 2);
  expect(countParameters([])).toBe(0);
});

test('has [out, in] as [in, out] and [out, in, kh, kw] as [kh, kw, in, out] in memory', () => {
  expect(specs.map(memoryShape)).toEqual([[53, 61], [3, 2, 5, 7], [11], [2]]);
});

test('initialises by the specs: shapes, dtypes, mean and spread', async () => {
  const backend = await createBackend({ device: 'cpu' });
  const parameters = initParameters(backend, specs, 17);
  expect([...parameters.values()].map(({ shape, dtype }) => [dtype, shape])).toEqual([
    ['float32', [53, 61]],
    ['float32', [3, 2, 5, 7]],
    ['float32', [11]],
    ['int32', [2]],
  ]);
  const values = Float32Array.from(await parameters.get('linear')!.data());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  // 3233 draws: the standard errors are 0.009 of the mean and 0.006 of the spread; five of each.
  expect(Math.abs(mean)).toBeLessThan(0.045);
  expect(Math.abs(Math.sqrt(variance) - 0.5)).toBeLessThan(0.032);
  expect([...(await parameters.get('scale')!.data())]).toEqual(new Array(11).fill(1));
  expect([...(await parameters.get('steps')!.data())]).toEqual([0, 0]);
  for (const tensor of parameters.values()) tensor.dispose();
});

test('gives the same numbers for a seed and others for another', async () => {
  const backend = await createBackend({ device: 'cpu' });
  const conv = async (seed: number) => {
    const parameters = initParameters(backend, specs, seed);
    const values = await parameters.get('conv')!.data();
    for (const tensor of parameters.values()) tensor.dispose();
    return values;
  };
  expect(await conv(3)).toEqual(await conv(3));
  expect(await conv(3)).not.toEqual(await conv(4));
});
