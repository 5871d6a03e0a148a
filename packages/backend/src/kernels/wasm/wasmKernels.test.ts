import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tolerances } from '@muse/test-utils';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { type Backend, createBackend, referenceOps } from '../../index.js';

let backend: Backend | undefined;
afterEach(async () => {
  await backend?.dispose();
  backend = undefined;
});

/** Past every tile: rows 128 and 4, columns 64 and 8, inner blocks 256, pixels 128 and 64, chunks. */
const cases: Record<string, (ops: Backend['ops'], random: (...shape: number[]) => Tensor) => Tensor> = {
  linear: (ops, random) => ops.linear(random(2, 197, 521), random(521, 67) as Tensor2D, random(67) as Tensor1D),
  fusedLinear: (ops, random) =>
    ops.fusedLinear(random(2, 5, 23), random(23, 19) as Tensor2D, {
      bias: random(19) as Tensor1D,
      activation: 'geluTanh',
      residual: random(2, 5, 19),
      modulation: { scale: random(2, 1, 19), shift: random(2, 1, 19) },
    }),
  'gated fusedLinear': (ops, random) =>
    ops.fusedLinear(random(2, 5, 23), random(23, 38) as Tensor2D, { activation: 'geglu', residual: random(2, 5, 19) }),
  modulatedNorm: (ops, random) =>
    ops.modulatedNorm(random(2, 131, 257) as Tensor3D, random(257) as Tensor1D, {
      kind: 'layer',
      scale: random(2, 1, 257),
      shift: random(2, 1, 257),
    }),
  'attention with a bias': (ops, random) =>
    ops.attention(random(2, 131, 33) as Tensor3D, random(2, 71, 33) as Tensor3D, random(2, 71, 33) as Tensor3D, {
      numHeads: 3,
      bias: random(1, 3, 131, 71),
    }),
  'attention with a mask, and an image that sees nothing': (ops, random) => {
    const isSeen = random(1, 71).greater(0).cast('float32');
    return ops.attention(random(2, 131, 33) as Tensor3D, random(2, 71, 33) as Tensor3D, random(2, 71, 33) as Tensor3D, {
      numHeads: 3,
      keyMask: isSeen.concat(isSeen.mul(0)) as Tensor2D,
    });
  },
  'attention with one bias for all keys': (ops, random) =>
    ops.attention(random(2, 5, 33) as Tensor3D, random(2, 7, 33) as Tensor3D, random(2, 7, 33) as Tensor3D, {
      numHeads: 3,
      bias: random(2, 1, 5, 1),
    }),
  normSiluConv2d: (ops, random) =>
    ops.normSiluConv2d(
      random(2, 17, 19, 33) as Tensor4D,
      { weight: random(33) as Tensor1D, bias: random(33) as Tensor1D, numGroups: 3 },
      random(3, 3, 33, 13) as Tensor4D,
      { bias: random(13) as Tensor1D, residual: random(2, 17, 19, 13) as Tensor4D },
    ),
  'conv2d at a stride': (ops, random) =>
    ops.conv2d(random(2, 23, 29, 5) as Tensor4D, random(3, 3, 5, 11) as Tensor4D, random(11) as Tensor1D, {
      stride: 2,
      padding: [0, 1, 0, 1],
    }),
  'conv2d of few pixels and many channels': (ops, random) =>
    ops.normSiluConv2d(
      random(1, 5, 7, 131) as Tensor4D,
      { weight: random(131) as Tensor1D, bias: random(131) as Tensor1D, numGroups: 1 },
      random(3, 3, 131, 137) as Tensor4D,
      { bias: random(137) as Tensor1D, residual: random(1, 5, 7, 137) as Tensor4D },
    ),
  'upsampleConv2d of few pixels and many channels': (ops, random) =>
    ops.upsampleConv2d(random(1, 3, 5, 131) as Tensor4D, random(3, 3, 131, 71) as Tensor4D, random(71) as Tensor1D),
  'pointwise conv2d': (ops, random) => ops.conv2d(random(2, 7, 5, 11) as Tensor4D, random(1, 1, 11, 13) as Tensor4D),
  upsampleConv2d: (ops, random) =>
    ops.upsampleConv2d(random(2, 7, 11, 13) as Tensor4D, random(3, 3, 13, 17) as Tensor4D, random(17) as Tensor1D),
  'groupNorm of many chunks': (ops, random) =>
    ops.groupNorm(random(2, 67, 71, 18) as Tensor4D, random(18) as Tensor1D, random(18) as Tensor1D, 2),
};

async function compute(ops: Backend['ops'], run: (typeof cases)[string]): Promise<Float32Array> {
  const { tf } = backend!;
  let seed = 0;
  const random = (...shape: number[]) => {
    seed++;
    const size = shape.reduce((product, side) => product * side, 1);
    return tf.tensor(
      Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + seed) / 2 + 0.01 * (i % 5)),
      shape,
    );
  };
  const result = tf.tidy(() => run(ops, random));
  const values = (await result.data()) as Float32Array;
  result.dispose();
  return values;
}

describe('kernels of wasm', () => {
  it('agree with the reference past every tile', async () => {
    backend = await createBackend({ device: 'wasm' });
    const before = backend.tf.memory().numTensors;
    for (const [name, run] of Object.entries(cases)) {
      const [ours, expected] = [await compute(backend.ops, run), await compute(referenceOps, run)];
      expect(ours.length, name).toBe(expected.length);
      const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const error = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / greatest;
      expect(error, name).toBeLessThan(tolerances.wasm.absolute);
    }
    expect(backend.tf.memory().numTensors).toBe(before);
  });

  it('give the same bits whatever the number of threads', async () => {
    const results: Float32Array[][] = [];
    for (const wasmThreads of [1, 3]) {
      backend = await createBackend({ device: 'wasm', wasmThreads });
      expect(backend.capabilities.description).toMatch(wasmThreads === 1 ? /one thread$/ : `${wasmThreads} threads`);
      const values: Float32Array[] = [];
      for (const run of Object.values(cases)) values.push(await compute(backend.ops, run));
      results.push(values);
      await backend.dispose();
      backend = undefined;
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('keep NaN, and stay finite where an exponential ends', async () => {
    backend = await createBackend({ device: 'wasm' });
    const x = backend.tf.tensor([Number.NaN, -1000, 1000, 0, Number.NaN]);
    for (const op of ['gelu', 'geluTanh', 'silu'] as const) {
      const values = [...(await backend.ops[op](x).data())];
      expect(
        values.map((value) => Math.abs(value)),
        op,
      ).toEqual([Number.NaN, expect.closeTo(0, 30), 1000, 0, Number.NaN]);
    }
  });

  it('keep no second copy of a weight', async () => {
    backend = await createBackend({ device: 'wasm' });
    const { tf, ops } = backend;
    const heap = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
    const weight = tf.zeros([1024, 4096]) as Tensor2D; // 16 MiB
    const before = heap();
    for (let i = 0; i < 3; i++) ops.linear(tf.zeros([1, 1024]), weight).dispose();
    expect(heap() - before).toBeLessThan(2 ** 22);
  });

  it('are compiled from the sources in assembly/', async () => {
    const script = fileURLToPath(new URL('../../../scripts/compileKernels.mjs', import.meta.url));
    await promisify(execFile)(process.execPath, [script, '--check']);
  });
});
