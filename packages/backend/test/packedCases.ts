import { expectNoLeaks, expectTensorClose } from '@muse/test-utils/checks';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { type Backend, createBackend, type Ops, type PackedDtype, referenceOps } from '../src/index.js';
import { convSource, upsampleConvSource, upsampleFilters } from '../src/kernels/webgpu/convSource.js';
import { type GemmCall, gemm, matrixSource } from '../src/kernels/webgpu/gemm.js';
import { nameOfTile, tilesFor } from '../src/kernels/webgpu/gemmTiles.js';
import type { Arithmetic } from '../src/kernels/webgpu/gemmWgsl.js';
import { groupNormSlopes } from '../src/kernels/webgpu/groupNorm.js';
import { gpuDtypes, unpackWeight } from '../src/kernels/webgpu/packedWeights.js';
import { roundedSource } from '../src/kernels/webgpu/roundedRows.js';
import { tileChoice } from '../src/kernels/webgpu/tileChoice.js';
import type { ConformanceCase } from './conformanceCase.js';

/** Strips of 16 that are full or not, rows and columns beyond a tile; the same ranks each time. */
const productSizes = [
  { M: 67, K: 21, N: 68 },
  { M: 64, K: 64, N: 128 },
  { M: 5, K: 1027, N: 12 },
  { M: 131, K: 52, N: 76 },
];
type Sizes = (typeof productSizes)[number];

/** Pixels beyond the largest tile; channels of fours and columns beyond a tile, then neither. Software adapters compile each for long. */
const large = { B: 2, H: 9, W: 11, C: 12, O: 140 };
const odd = { B: 1, H: 25, W: 23, C: 5, O: 9 };
const convolutions = [
  { kind: 'plain', sizes: large },
  { kind: 'normed', sizes: large },
  { kind: 'upsampled', sizes: large },
  { kind: 'at a stride', sizes: odd },
] as const;
type Convolution = (typeof convolutions)[number];

export const packedCases: readonly ConformanceCase[] = [
  ...gpuDtypes.map((dtype) =>
    packedCase(`${dtype}: every op that takes a packed weight computes with the rounded one`, dtype, compare),
  ),
  ...gpuDtypes.map((dtype) =>
    packedCase(`${dtype}: a gated weight whose halves begin within a word`, dtype, compareOddGate),
  ),
  ...productSizes.flatMap((sizes) => {
    const product = `a product of ${sizes.M} × ${sizes.K} × ${sizes.N}`;
    return [
      packedCase(`w16a16: ${product} is off by what rounding to halves may do`, 'w16a16', (backend) =>
        boundHalves(backend, sizes),
      ),
      packedCase(`w8a8: ${product} is that of the integers`, 'w8a8', (backend) => multiplyIntegers(backend, sizes)),
    ];
  }),
  // Of f16 and q8 only the reading differs from f32.
  ...([undefined, 'w16a16', 'w8a8'] as const).map((dtype) =>
    packedCase(`${dtype ?? 'f32'}: a product has the same bits in every tile`, dtype, compareTiles),
  ),
  ...convolutions.map(({ kind, sizes }) =>
    packedCase(
      `a convolution, ${kind}, of ${sizes.C} to ${sizes.O} channels has the same bits in every tile`,
      undefined,
      (backend) => compareConvolutionTiles(backend, kind, sizes),
    ),
  ),
  ...(['w16a16', 'w8a8'] as const).map((dtype) =>
    packedCase(`${dtype}: a row has the same bits whatever rows are beside it`, dtype, compareAlone),
  ),
  ...(['w16a16', 'w8a8'] as const).map((dtype) =>
    packedCase(`${dtype}: rows and columns of any size are in range, what is no number stays none`, dtype, survive),
  ),
];

function packedCase(
  name: string,
  dtype: PackedDtype | undefined,
  check: (backend: Backend, dtype: PackedDtype) => Promise<void>,
): ConformanceCase {
  return {
    name,
    devices: ['webgpu'],
    missing: ({ dtypes }) => (dtype && !dtypes.includes(dtype) ? `this adapter has no ${dtype}` : undefined),
    run: (backend) =>
      expectNoLeaks(backend, async () => {
        const prepared = await createBackend({ device: 'webgpu', dtype: dtype ?? 'f32' }); // shares the device
        await check(backend, dtype!);
        await prepared.dispose();
      }),
  };
}

/** Rows as the kernels round them: as packing rounds columns. The number of rows divides by 4. */
function roundAsColumns({ tf, packWeight }: Backend, x: Tensor, dtype: PackedDtype): Tensor {
  if (dtype === 'f16' || dtype === 'q8') return tf.clone(x);
  return tf.tidy(() => {
    const columns = tf.transpose(tf.reshape(x, [-1, x.shape.at(-1)!]));
    return tf.reshape(tf.transpose(unpackWeight(packWeight(columns, dtype))), x.shape);
  });
}

async function compare(backend: Backend, dtype: PackedDtype): Promise<void> {
  const { tf } = backend;
  const make = (...shape: number[]) => tf.randomNormal(shape, 0, 0.5, 'float32', shape.length) as never;
  const [x, image, residual] = [make(2, 38, 20), make(1, 5, 7, 12), make(2, 38, 28)] as Tensor[];
  const rows = roundAsColumns(backend, x!, dtype);
  const weights = [make(20, 28), make(20, 56), make(20, 20), make(3, 3, 12, 8)] as Tensor[];
  const packed = weights.map((weight) => backend.packWeight(weight, dtype));
  const rounded = packed.map(unpackWeight);
  const norm = { weight: tf.ones([12]) as never, bias: tf.zeros([12]) as never, numGroups: 3 };
  const runs: ((ops: Ops, of: readonly Tensor[], x: Tensor) => Tensor)[] = [
    (ops, [linear], a) => ops.linear(a, linear as Tensor2D),
    (ops, [linear], a) => ops.fusedLinear(a, linear as Tensor2D, { activation: 'silu', residual: residual! }),
    (ops, [, gated], a) => ops.fusedLinear(a, gated as Tensor2D, { activation: 'geglu' }),
    (ops, [, , w], a) => ops.selfAttention(a as never, { query: w, key: w, value: w } as never, { numHeads: 5 }),
    (ops, [, , , filter]) => ops.conv2d(image as never, filter as never),
    (ops, [, , , filter]) => ops.normSiluConv2d(image as never, norm, filter as never, {}),
    (ops, [, , , filter]) => ops.upsampleConv2d(image as never, filter as never),
    (ops, [linear], a) => tf.grad((input: Tensor) => ops.linear(input, linear as Tensor2D))(a),
  ];
  const tolerance = dtype === 'w16a16' ? 2e-2 : 4e-5; // a few sums are as great as 10
  for (const run of runs) {
    const [got, wanted] = [run(backend.ops, packed, x!), run(referenceOps, rounded, rows)];
    await expectTensorClose(got, { shape: wanted.shape, data: await wanted.data() }, tolerance);
    tf.dispose([got, wanted]);
  }
  tf.dispose([x!, rows, image!, residual!, ...weights, ...packed, ...rounded, norm.weight, norm.bias]);
}

async function compareOddGate({ tf, ops, packWeight }: Backend, dtype: PackedDtype): Promise<void> {
  const [x, weight] = [tf.randomNormal([2, 7, 20], 0, 0.5), tf.randomNormal([20, 28], 0, 0.5)] as [Tensor, Tensor2D];
  const bias = tf.randomNormal([28]) as never;
  const packed = packWeight(weight, dtype) as Tensor2D;
  const rounded = unpackWeight(packed);
  const got = ops.fusedLinear(x, packed, { bias, activation: 'geglu' });
  const wanted = tf.tidy(() => referenceOps.geglu(referenceOps.linear(x, rounded, bias)));
  await expectTensorClose(got, { shape: [2, 7, 14], data: await wanted.data() }, 4e-5);
  tf.dispose([x, weight, bias, packed, rounded, got, wanted]);
}

/**
 * Each value within its bound, and the root of the mean square of all within one in a thousand. A row's number, a product and
 * up to 15 sums of a strip are rounded by 2⁻¹¹ at most: 17 · 2⁻¹¹ of the products' absolute values, and a little more for
 * products below the normal halves. Sums of strips are f32. Matrices of a subgroup round the row's number alone: their products of
 * halves are exact in f32, of which all sums are.
 */
async function boundHalves({ tf, ops, packWeight }: Backend, { M, K, N }: Sizes): Promise<void> {
  const x = tf.randomNormal([M, K], 0, 1, 'float32', K) as Tensor2D;
  const weight = tf.randomNormal([K, N], 0, 1, 'float32', N) as Tensor2D;
  const packed = packWeight(weight, 'w16a16') as Tensor2D;
  const rounded = unpackWeight(packed);
  const [got, wanted] = [ops.linear(x, packed), referenceOps.linear(x, rounded)];
  const sumsOfAbsolutes = tf.tidy(() => tf.matMul(tf.abs(x), tf.abs(rounded)));
  const [values, exact, sums] = await Promise.all([got.data(), wanted.data(), sumsOfAbsolutes.data()]);
  const isOfMatrices = tilesFor('f16', tileChoice().tiles)[0]!.kind === 'matrices';
  const bound = (isOfMatrices ? 1.1 : 17.1) * 2 ** -11;
  let [squares, errors] = [0, 0];
  for (const [i, value] of values.entries()) {
    const error = Math.abs(value - exact[i]!);
    const most = bound * sums[i]!;
    if (!(error <= most)) throw new Error(`at ${i}: expected ${exact[i]} ± ${most}, got ${value}`);
    squares += exact[i]! ** 2;
    errors += error ** 2;
  }
  const relative = Math.sqrt(errors / squares);
  // In f32 it would be below 1e-6.
  if (!(relative > 1e-5 && relative < 2e-3))
    throw new Error(`expected a relative error of 1e-5 to 2e-3, got ${relative}`);
  tf.dispose([x, weight, packed, rounded, got, wanted, sumsOfAbsolutes]);
}

/** Integers whose greatest in each row and column is 127 are kept as they are: sums are exact up to the last division. */
async function multiplyIntegers({ tf, ops, packWeight }: Backend, { M, K, N }: Sizes): Promise<void> {
  const rows = integers(M, K, (m, k) => k === m % K);
  const columns = integers(K, N, (k, n) => k === (n * 5) % K);
  const [x, weight] = [tf.tensor2d(rows, [M, K]), tf.tensor2d(columns, [K, N])];
  const packed = packWeight(weight, 'w8a8') as Tensor2D;
  const product = ops.linear(x, packed);
  const values = await product.data();
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let wanted = 0;
      for (let k = 0; k < K; k++) wanted += rows[m * K + k]! * columns[k * N + n]!;
      const got = values[m * N + n]!;
      if (!(Math.abs(got - wanted) <= 1e-6 * Math.abs(wanted))) {
        throw new Error(`at ${m}, ${n}: expected ${wanted}, got ${got}`);
      }
    }
  }
  tf.dispose([x, weight, packed, product]);
}

/** From −127 to 127 in no order, 127 where it is told. */
function integers(height: number, width: number, isGreatest: (row: number, column: number) => boolean): Float32Array {
  return Float32Array.from({ length: height * width }, (_, i) =>
    isGreatest(Math.floor(i / width), i % width) ? 127 : ((i * 7919 + 104_729) % 255) - 127,
  );
}

async function compareTiles(backend: Backend, dtype: PackedDtype | undefined): Promise<void> {
  const { tf, packWeight } = backend;
  for (const { M, K, N } of productSizes) {
    const x = tf.randomNormal([M, K], 0, 1, 'float32', 3);
    const weight = tf.randomNormal([K, 2 * N], 0, 1, 'float32', 5);
    const bias = tf.randomNormal([2 * N], 0, 1, 'float32', 7);
    const packed = dtype ? packWeight(weight, dtype) : tf.clone(weight);
    const arithmetic = dtype === 'w16a16' ? 'f16' : dtype === 'w8a8' ? 'i8' : 'f32';
    const isGated = dtype === undefined; // the sums of gates are as those of values; software adapters compile for long
    await expectSameBits(backend, arithmetic, () => ({
      sizes: { M, N: isGated ? N : 2 * N, K },
      source: arithmetic === 'f32' ? matrixSource(x, K) : roundedSource(x, K, arithmetic),
      weights: [packed],
      epilogue: { bias, isGated, ...(isGated && { activation: 'gelu' }) },
    }));
    tf.dispose([x, weight, bias, packed]);
  }
}

async function compareConvolutionTiles(
  backend: Backend,
  kind: Convolution['kind'],
  { B, H, W, C, O }: Convolution['sizes'],
): Promise<void> {
  const { tf, ops } = backend;
  const normal = (...shape: number[]) => tf.randomNormal(shape, 0, 1, 'float32', shape.length) as never;
  const [x, weight, bias] = [normal(B, H, W, C), normal(3, 3, C, O), normal(O)] as never[];
  const norm = { weight: normal(C), bias: normal(C), numGroups: 1, epsilon: 1e-6 };
  const stride = kind === 'at a stride' ? 2 : 1;
  const [outH, outW] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  const patches = { H, W, C, outH, outW, kernelWidth: 3, stride, padTop: 1, padLeft: 1 };
  const isUpsampled = kind === 'upsampled';
  const call = (): GemmCall => ({
    sizes: { M: B * outH * outW, N: O, K: (isUpsampled ? 4 : 9) * C },
    source: isUpsampled
      ? upsampleConvSource(x!, { H, W, C })
      : convSource(x!, patches, kind === 'normed' ? groupNormSlopes(x!, { B, numPixels: H * W, C }, norm) : undefined),
    weights: [isUpsampled ? upsampleFilters(weight!) : weight!],
    epilogue: { bias: bias! },
  });
  const op = {
    plain: () => ops.conv2d(x!, weight!, bias),
    normed: () => ops.normSiluConv2d(x!, norm, weight!, { bias }),
    upsampled: () => ops.upsampleConv2d(x!, weight!, bias),
    'at a stride': () => ops.conv2d(x!, weight!, bias, { stride: 2, padding: [1, 1, 1, 1] }),
  } satisfies Record<Convolution['kind'], () => Tensor>;
  const made = op[kind]();
  await expectSameBits(backend, 'f32', call, made);
  tf.dispose([x!, weight!, bias!, norm.weight, norm.bias, made]);
}

/** @param call of an arithmetic, may make tensors @param made what the op gives; else the first tile's result is taken */
async function expectSameBits(
  { tf }: Backend,
  arithmetic: Arithmetic,
  call: () => GemmCall,
  made?: Tensor,
): Promise<void> {
  const bitsOf = async (tensor: Tensor) => new Uint32Array((await tensor.data()).slice().buffer);
  let wanted = made && (await bitsOf(made));
  for (const tile of tilesFor(arithmetic, tileChoice().tiles)) {
    const product = tf.tidy(() => gemm({ ...call(), tile }));
    const bits = await bitsOf(product);
    product.dispose();
    wanted ??= bits;
    if (wanted.length !== bits.length) throw new Error(`expected ${wanted.length} numbers, got ${bits.length}`);
    const at = wanted.findIndex((word, i) => word !== bits[i]);
    if (at >= 0) throw new Error(`${nameOfTile(tile)} at ${at}: expected the bits ${wanted[at]}, got ${bits[at]}`);
  }
}

/** Each row has a factor of its own, found by a tile that other rows share. */
async function compareAlone({ tf, ops, packWeight }: Backend, dtype: PackedDtype): Promise<void> {
  for (const { M, K, N } of productSizes) {
    const magnitudes = Array.from({ length: M }, (_, m) => [10 ** ((m % 7) - 3)]);
    const x = tf.tidy(() => tf.mul(tf.randomNormal([M, K], 0, 1, 'float32', 3), tf.tensor2d(magnitudes)));
    const weight = tf.randomNormal([K, N], 0, 1, 'float32', 5);
    const packed = packWeight(weight, dtype) as Tensor2D;
    const first = M - 3; // in the last tile, where it has fewer rows
    const [together, alone] = tf.tidy(() => [
      tf.slice(ops.linear(x, packed), [first, 0], [2, N]),
      ops.linear(tf.slice(x, [first, 0], [2, K]), packed),
    ]) as [Tensor, Tensor];
    const [wanted, got] = await Promise.all([together.data(), alone.data()]);
    const at = wanted.findIndex((value, i) => value !== got[i]);
    if (at >= 0) throw new Error(`${M} × ${K} × ${N} at ${at}: expected ${wanted[at]}, got ${got[at]}`);
    tf.dispose([x, weight, packed, together, alone]);
  }
}

/** Factors keep sums in the range of halves and integers, whatever the numbers: T5's activations pass 65504. */
async function survive({ tf, ops, packWeight }: Backend, dtype: PackedDtype): Promise<void> {
  const K = 64;
  const row = (value: number) => new Float32Array(K).fill(value);
  const broken = row(1);
  broken[K - 1] = Number.NaN;
  const rows = [row(1e6), row(-3e30), row(1e-20), row(0), broken];
  const x = tf.tensor2d(Float32Array.from(rows.flatMap((values) => [...values])), [rows.length, K]);
  const weight = tf.tidy(() => tf.mul(tf.ones([K, 4]), tf.tensor1d([1, 7e4, 1e-8, 0]))) as Tensor2D;
  const packed = packWeight(weight, dtype) as Tensor2D;
  const product = ops.linear(x, packed);
  const values = await product.data();
  for (const [m, value] of [1e6, -3e30, 1e-20, 0, Number.NaN].entries()) {
    for (const [n, factor] of [1, 7e4, 1e-8, 0].entries()) {
      const [wanted, got] = [K * value * factor, values[m * 4 + n]!];
      // 7e4 is rounded to 11 bits, and so may be the sums of a strip.
      if (Number.isNaN(wanted) ? Number.isNaN(got) : Math.abs(got - wanted) <= 2e-3 * Math.abs(wanted)) continue;
      throw new Error(`row of ${value}, column of ${factor}: expected ${wanted}, got ${got}`);
    }
  }
  tf.dispose([x, weight, packed, product]);
}
