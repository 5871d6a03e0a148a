import { readFile } from 'node:fs/promises';
import { type Backend, createBackend, UnsupportedBackendError, WeightError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from './byteSource.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { encodeSafetensors, type TensorsByName } from './encodeSafetensors.js';
import { type LoadParametersOptions, loadParameters } from './loadParameters.js';
import type { Layout, ParameterSpec } from './parameters.js';

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
});

const spec = (name: string, shape: number[], layout: Layout = 'none', dtype?: 'int32'): ParameterSpec => ({
  name,
  shape,
  layout,
  init: { kind: 'zeros' },
  ...(dtype ? { dtype } : {}),
});
const ramp = (length: number) => Float32Array.from({ length }, (_, i) => i);
const opened = (tensors: TensorsByName) => openCheckpoint(memorySource('model', encodeSafetensors(tensors)));
const load = async (tensors: TensorsByName, specs: ParameterSpec[], options?: LoadParametersOptions) =>
  loadParameters(backend, await opened(tensors), specs, options);
const values = async (parameters: Map<string, { data(): Promise<unknown> }>, name: string) => [
  ...((await parameters.get(name)!.data()) as Iterable<number>),
];

describe('layouts', () => {
  test('a linear weight [out, in] lies as [in, out]', async () => {
    const data = ramp(6);
    const parameters = await load({ w: { dtype: 'F32', shape: [3, 2], data } }, [spec('w', [3, 2], 'linear')]);
    expect(parameters.get('w')!.shape).toEqual([2, 3]);
    expect(await values(parameters, 'w')).toEqual([0, 2, 4, 1, 3, 5]);
    parameters.get('w')!.dispose();
  });

  test('a convolution [out, in, kh, kw] lies as [kh, kw, in, out], as tf.transpose has it', async () => {
    const shape = [7, 5, 3, 2];
    const parameters = await load({ w: { dtype: 'F32', shape, data: ramp(210) } }, [spec('w', shape, 'conv')]);
    const expected = backend.tf.tensor(ramp(210), shape).transpose([2, 3, 1, 0]);
    expect(parameters.get('w')!.shape).toEqual(expected.shape);
    expect(await values(parameters, 'w')).toEqual([...(await expected.data())]);
    backend.tf.dispose([expected, parameters.get('w')!]);
  });
});

describe('dtypes', () => {
  test('every float becomes float32, every integer int32', async () => {
    const half = Float32Array.of(1.5, -2);
    const parameters = await load(
      {
        f16: { dtype: 'F16', shape: [2], data: half },
        bf16: { dtype: 'BF16', shape: [2], data: half },
        i8: { dtype: 'I8', shape: [2], data: Int8Array.of(-128, 127) },
        u8: { dtype: 'U8', shape: [2], data: Uint8Array.of(0, 255) },
        i32: { dtype: 'I32', shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
        i64: { dtype: 'I64', shape: [2], data: BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n) },
      },
      ['f16', 'bf16']
        .map((name) => spec(name, [2]))
        .concat(['i8', 'u8', 'i32', 'i64'].map((name) => spec(name, [2], 'none', 'int32'))),
    );
    expect([...parameters.values()].map(({ dtype }) => dtype)).toEqual([
      'float32',
      'float32',
      ...Array(4).fill('int32'),
    ]);
    expect(await values(parameters, 'bf16')).toEqual([1.5, -2]);
    expect(await values(parameters, 'i8')).toEqual([-128, 127]);
    expect(await values(parameters, 'u8')).toEqual([0, 255]);
    expect(await values(parameters, 'i64')).toEqual([-(2 ** 31), 2 ** 31 - 1]);
    for (const tensor of parameters.values()) tensor.dispose();
  });

  test('an I64 out of int32’s range is a WeightError', async () => {
    for (const value of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 32n]) {
      const tensors = { w: { dtype: 'I64', shape: [2], data: BigInt64Array.of(0n, value) } } as const;
      await expect(load(tensors, [spec('w', [2], 'none', 'int32')])).rejects.toThrow(
        `model: expected values of I64 tensor w in the range of int32, got ${value} at 1`,
      );
    }
  });
});

test('one error counts and names missing, surplus, misshapen and mistyped tensors, before anything is read', async () => {
  const checkpoint = await opened({
    good: { dtype: 'F32', shape: [2], data: ramp(2) },
    turned: { dtype: 'F32', shape: [3, 2], data: ramp(6) },
    flat: { dtype: 'F32', shape: [6], data: ramp(6) },
    whole: { dtype: 'I32', shape: [1], data: Int32Array.of(1) },
    broken: { dtype: 'F16', shape: [1], data: ramp(1) },
    'extra.1': { dtype: 'U8', shape: [5], data: new Uint8Array(5) },
    'extra.2': { dtype: 'F32', shape: [], data: ramp(1) },
  });
  const unread: Checkpoint = { ...checkpoint, read: () => Promise.reject(new Error('read')) };
  const specs = [
    spec('good', [2]),
    spec('turned', [2, 3], 'linear'),
    spec('flat', [2, 3]),
    spec('whole', [1]),
    spec('broken', [1], 'none', 'int32'),
    spec('absent.1', [7, 11]),
    spec('absent.2', [13]),
  ];
  const error = await loadParameters(backend, unread, specs, { name: 'tiny' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WeightError);
  expect((error as Error).message).toBe(
    [
      '[checkpoint] loadParameters: tiny: expected the 7 tensors of the model, got 2 missing:',
      '  absent.1 [7, 11]',
      '  absent.2 [13]',
      '2 surplus:',
      '  extra.2 []',
      '  extra.1 [5]',
      '2 misshapen:',
      '  turned expected [2, 3], got [3, 2]',
      '  flat expected [2, 3], got [6]',
      '2 of the wrong dtype:',
      '  whole expected floats, got I32',
      '  broken expected integers, got F16',
    ].join('\n'),
  );
});

test('a config that contradicts its weights is told by the first three tensors, with both shapes', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `layers.${100 + i}.weight`);
  const checkpoint = await opened(
    Object.fromEntries(names.map((name) => [name, { dtype: 'F32', shape: [5], data: ramp(5) }] as const)),
  );
  const specs = names.slice(0, 4).map((name, i) => spec(name, [i < 3 ? 7 : 5]));
  const refused = loadParameters(backend, checkpoint, [...specs, ...names.slice(4, 9).map((name) => spec(name, [7]))]);
  await expect(refused).rejects.toThrow(
    [
      'model: expected the 9 tensors of the model, got 191 surplus:',
      '  layers.109.weight [5]',
      '  layers.110.weight [5]',
      '  layers.111.weight [5]',
      '  and 188 more',
      '8 misshapen:',
      '  layers.100.weight expected [7], got [5]',
      '  layers.101.weight expected [7], got [5]',
      '  layers.102.weight expected [7], got [5]',
      '  and 5 more',
    ].join('\n'),
  );
});

describe('NaN and infinities', () => {
  // Golden: internal/fixtures/python/checkpoint.py: [1, NaN, inf].
  const notFinite = async () =>
    openCheckpoint(memorySource('not-finite', await readFile(fixturePath('checkpoint/not-finite.safetensors'))));

  test('are refused with tensor, value and place', async () => {
    await expect(loadParameters(backend, await notFinite(), [spec('weight', [3])])).rejects.toThrow(
      'not-finite: expected finite values in tensor weight, got NaN at 1 of 3',
    );
    for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const tensors = { w: { dtype: 'F16', shape: [2], data: Float32Array.of(65504, value) } } as const;
      await expect(load(tensors, [spec('w', [2])])).rejects.toThrow(`in tensor w, got ${value} at 1 of 2`);
    }
  });

  test('are taken when asked for', async () => {
    const parameters = await loadParameters(backend, await notFinite(), [spec('weight', [3])], {
      allowNonFinite: true,
    });
    expect(await values(parameters, 'weight')).toEqual([1, Number.NaN, Number.POSITIVE_INFINITY]);
    parameters.get('weight')!.dispose();
  });
});

test('gives back what it loaded when a later tensor is bad', async () => {
  const before = backend.tf.memory().numTensors;
  const tensors = {
    a: { dtype: 'F32', shape: [2], data: ramp(2) },
    b: { dtype: 'F32', shape: [1], data: Float32Array.of(Number.NaN) },
  } as const;
  await expect(load(tensors, [spec('a', [2]), spec('b', [1])])).rejects.toThrow('tensor b');
  expect(backend.tf.memory().numTensors).toBe(before);
});

test('large tensors have the same values on tensorflow, which widens them itself, and nothing is left behind', async ({
  skip,
}) => {
  const tensorflow = await createBackend({ device: 'tensorflow' }).catch((error: unknown) => {
    if (process.env.MUSE_REQUIRE_DEVICES?.includes('tensorflow')) throw error;
    return skip('no tensorflow');
  });
  try {
    const { tf, widenFloats } = tensorflow;
    expect(widenFloats).toBeDefined();
    const before = tf.memory().numTensors;
    const shape = [32, 16, 16, 9];
    // Multiples of 1/64 up to 8 have 9 bits: bf16's 8 round them, f16 and f32 hold them.
    const data = Float32Array.from({ length: 32 * 16 * 16 * 9 }, (_, i) => ((i % 1021) - 510) / 64);
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      for (const layout of ['none', 'conv'] as const) {
        const checkpoint = await opened({ w: { dtype, shape, data } });
        const { data: read } = await checkpoint.read('w');
        const expected = tf.tidy(() => {
          const tensor = tf.tensor(read as Float32Array, shape);
          return layout === 'conv' ? tf.transpose(tensor, [2, 3, 1, 0]) : tensor;
        });
        const parameters = await loadParameters(tensorflow, checkpoint, [spec('w', shape, layout)]);
        expect(parameters.get('w')!.shape).toEqual(expected.shape);
        const [got, wanted] = await Promise.all([parameters.get('w')!.data(), expected.data()]);
        expect(got.findIndex((value, i) => value !== wanted[i])).toBe(-1);
        tf.dispose([expected, parameters.get('w')!]);
      }
    }
    // Too large for one read.
    const sides = [4098, 2053];
    const many = Float32Array.from({ length: 4098 * 2053 }, (_, i) => ((i % 1021) - 510) / 64);
    const inPieces = await opened({ w: { dtype: 'F16', shape: sides, data: many } });
    for (const layout of ['none', 'linear'] as const) {
      const parameters = await loadParameters(tensorflow, inPieces, [spec('w', sides, layout)]);
      const w = parameters.get('w')!;
      expect(w.shape).toEqual(layout === 'linear' ? [2053, 4098] : sides);
      const got = await w.data();
      const at = (i: number) => (layout === 'linear' ? (i % 2053) * 4098 + Math.floor(i / 2053) : i);
      expect(many.findIndex((value, i) => value !== got[at(i)])).toBe(-1);
      w.dispose();
    }
    // Finite, but their sum is not.
    const large = await opened({ w: { dtype: 'F32', shape, data: new Float32Array(data.length).fill(3e38) } });
    const loaded = await loadParameters(tensorflow, large, [spec('w', shape)]);
    expect((await loaded.get('w')!.data()).every((value) => value === Math.fround(3e38))).toBe(true);
    loaded.get('w')!.dispose();
    data[9] = Number.NaN;
    await expect(
      loadParameters(tensorflow, await opened({ w: { dtype: 'F32', shape, data } }), [spec('w', shape)]),
    ).rejects.toThrow('got NaN at 9 of 73728');
    data[9] = 0;
    data[70_000] = Number.NEGATIVE_INFINITY;
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      const checkpoint = await opened({ w: { dtype, shape, data } });
      await expect(loadParameters(tensorflow, checkpoint, [spec('w', shape)])).rejects.toThrow(
        'expected finite values in tensor w, got -Infinity at 70000 of 73728',
      );
      const parameters = await loadParameters(tensorflow, checkpoint, [spec('w', shape)], { allowNonFinite: true });
      expect((await parameters.get('w')!.data())[70_000]).toBe(Number.NEGATIVE_INFINITY);
      parameters.get('w')!.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  } finally {
    await tensorflow.dispose();
  }
});

describe('linear maps in fewer bits', () => {
  for (const [device, dtype] of [
    ['tensorflow', 'bf16'],
    ['webgpu', 'q8'],
  ] as const) {
    test(`are packed as they are read: ${dtype} on ${device}`, async ({ skip }) => {
      const packing = await createBackend({ device }).catch((error: unknown) => {
        if (process.env.MUSE_REQUIRE_DEVICES?.includes(device)) throw error;
        return skip(`no ${device}`);
      });
      const { tf, ops } = packing;
      const before = tf.memory().numTensors;
      // Large, small, of a width that does not fit, and what is no linear map.
      const shapes = { large: [256, 300], small: [8, 5], odd: [6, 8] };
      const tensors = Object.fromEntries(
        Object.entries({ ...shapes, table: [8, 8] }).map(([name, [O, I]]) => {
          const data = Float32Array.from({ length: O! * I! }, (_, i) => Math.sin(i));
          return [name, { dtype: 'F16', shape: [O!, I!], data } as const];
        }),
      );
      const specs = [
        ...Object.entries(shapes).map(([name, shape]) => spec(name, shape, 'linear')),
        spec('table', [8, 8]),
      ];
      const f32 = await loadParameters(packing, await opened(tensors), specs);
      const parameters = await loadParameters(packing, await opened(tensors), specs, { dtype });
      for (const [name, weight] of parameters) {
        const wide = f32.get(name)!;
        expect([name, weight.shape, weight.dtype]).toEqual([name, wide.shape, 'float32']);
        const isPacked = name === 'large' || name === 'small';
        const wanted = isPacked ? packing.packWeight(wide, dtype) : tf.clone(wide);
        const x = tf.randomNormal([3, wide.shape[0]!]);
        const products = [weight, wanted, wide].map((one) => ops.linear(x, one as never));
        const [got, packed, exact] = await Promise.all(products.map((product) => product.data()));
        expect(got).toEqual(packed);
        if (isPacked) expect(got).not.toEqual(exact);
        tf.dispose([wanted, x, ...products]);
      }
      tf.dispose([...f32.values(), ...parameters.values()]);
      expect(tf.memory().numTensors).toBe(before);
      await packing.dispose();
    });
  }

  test('are refused on a device without them', async () => {
    const w = { dtype: 'F32', shape: [4, 2], data: ramp(8) } as const;
    const loading = load({ w }, [spec('w', [4, 2], 'linear')], { dtype: 'q8' });
    await expect(loading).rejects.toThrow(UnsupportedBackendError);
    await expect(loading).rejects.toThrow('expected a dtype in which the device cpu packs weights (none), got q8');
  });
});
