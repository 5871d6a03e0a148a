import { expectNoLeaks, expectTensorClose } from '@muse/test-utils/checks';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { type Backend, type Ops, referenceOps } from '../src/index.js';
import { type AttentionRows, flashAttention, sharesOfGpu } from '../src/kernels/webgpu/flashAttention.js';
import type { ConformanceCase } from './conformanceCase.js';

interface Check {
  readonly tf: Backend['tf'];
  readonly ops: Ops;
  /** Normal numbers, others each time. */
  readonly normal: (...shape: number[]) => Tensor;
  /** The op on the device is the reference's up to the order of its sums, and does not leak. */
  readonly agree: (run: (ops: Ops) => Tensor) => Promise<void>;
}

/** @param devices those with composed ops of their own */
function fused(
  name: string,
  run: (check: Check) => Promise<void>,
  devices: ConformanceCase['devices'] = ['webgpu', 'tensorflow'],
): ConformanceCase {
  return {
    name,
    devices,
    async run(backend) {
      const { tf, ops } = backend;
      let seed = 0;
      const normal = (...shape: number[]): Tensor => tf.randomNormal(shape, 0, 1, 'float32', ++seed);
      const agree = (op: (ops: Ops) => Tensor) =>
        expectNoLeaks(backend, async () => {
          const [got, wanted] = [op(ops), op(referenceOps)];
          const data = Float32Array.from(await wanted.data());
          const highest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          await expectTensorClose(got, { shape: wanted.shape, data }, 1e-5 + 2e-6 * highest);
          tf.dispose([got, wanted]);
        });
      await run({ tf, ops, normal, agree });
    },
  };
}

/** What a device does in one pass, against the composition of the basic ops. */
export const fusedCases: readonly ConformanceCase[] = [
  // Sizes that no tile and no four divides; then, of the same ranks, those that both do; then fours without full tiles.
  // tfjs's shader key knows ranks only.
  ...[
    { B: 2, S: 67, I: 21, O: 29 },
    { B: 2, S: 64, I: 64, O: 128 },
    { B: 3, S: 5, I: 20, O: 68 },
  ].map(({ B, S, I, O }) =>
    fused(`a linear map of ${B} × ${S} × ${I} to ${O}, with what may follow`, async ({ tf, normal, agree }) => {
      const [x, weight, bias, residual] = [normal(B, S, I), normal(I, O), normal(O), normal(B, S, O)] as never[];
      const [gated, gatedBias] = [normal(I, 2 * O), normal(2 * O)] as never[];
      const modulation = { scale: normal(B, 1, O), shift: normal(B, 1, O) };
      await agree((ops) => ops.linear(x!, weight!));
      await agree((ops) => ops.fusedLinear(x!, weight!, { bias, activation: 'gelu', residual, modulation }));
      await agree((ops) => ops.fusedLinear(x!, gated!, { bias: gatedBias, residual, activation: 'geglu' }));
      tf.dispose([x!, weight!, bias!, residual!, gated!, gatedBias!, modulation.scale, modulation.shift]);
    }),
  ),

  ...[
    { B: 2, S: 67, T: 11, N: 3, K: 7 },
    { B: 2, S: 64, T: 64, N: 2, K: 64 },
    { B: 1, S: 5, T: 3, N: 1, K: 131 }, // beyond what the kernel takes: the reference
  ].map(({ B, S, T, N, K }) =>
    fused(`attention of ${S} to ${T} by ${N} heads of ${K}, masked and with a bias`, async ({ tf, normal, agree }) => {
      const width = N * K;
      const [q, k, v] = [normal(B, S, width), normal(B, T, width), normal(B, T, width)] as never[];
      const weights = Array.from({ length: 3 }, () => normal(width, width)) as never[];
      // The first image sees nothing.
      const keyMask = tf.tensor2d(
        Array.from({ length: B * T }, (_, i) => (i >= T && i % 3 > 0 ? 1 : 0)),
        [B, T],
      );
      const [headBias, keyBias] = [normal(1, N, S, T), normal(B, 1, 1, T)];
      await agree((ops) => ops.attention(q!, k!, v!, { numHeads: N, keyMask }));
      await agree((ops) => ops.attention(q!, k!, v!, { numHeads: N, scale: 0.3, bias: headBias }));
      await agree((ops) => ops.attention(q!, k!, v!, { numHeads: N, scale: 0.3, bias: keyBias }));
      const [query, key, value] = weights;
      await agree((ops) =>
        ops.selfAttention(q!, { query: query!, key: key!, value: value! }, { numHeads: N, scale: 1e-3 }),
      );
      tf.dispose([q!, k!, v!, keyMask, headBias, keyBias, ...weights]);
    }),
  ),

  // As GPUs share it out, which the driver of a processor compiles for long: heads are small. The last strip of keys is full or not, some
  // threads have none.
  ...[
    { B: 2, S: 67, T: 37, N: 3, K: 7 },
    { B: 2, S: 130, T: 16, N: 2, K: 20 },
    { B: 1, S: 3, T: 5, N: 2, K: 8 },
  ].map(({ B, S, T, N, K }) =>
    fused(
      `attention of ${S} to ${T} by ${N} heads of ${K}, four threads a query`,
      async ({ tf, normal, agree }) => {
        const [q, k, v] = [normal(B, S, N * K), normal(B, T, N * K), normal(B, T, N * K)] as Tensor3D[];
        const rows = (tensor: Tensor): AttentionRows => ({ tensor, stride: N * K, offset: 0 });
        const check = (options: { readonly keyMask?: Tensor2D; readonly bias?: Tensor }) =>
          agree((ops) => {
            if (ops === referenceOps)
              return ops.attention(q!, k!, v!, { numHeads: N, scale: 0.3, ...options } as never);
            const sizes = { B, S, T, numHeads: N, headDim: K };
            const call = { sizes, q: rows(q!), k: rows(k!), v: rows(v!), scale: 0.3, shares: sharesOfGpu };
            return flashAttention({ ...call, ...options });
          });
        // The first image sees nothing.
        const seen = Array.from({ length: B * T }, (_, i) => (i >= T && i % 3 > 0 ? 1 : 0));
        const keyMask = tf.tensor2d(seen, [B, T]);
        const bias = normal(1, N, S, T);
        await check({});
        await check({ keyMask, bias });
        tf.dispose([q!, k!, v!, keyMask, bias]);
      },
      ['webgpu'],
    ),
  ),

  ...[
    { B: 2, S: 5, D: 21 },
    { B: 2, S: 7, D: 256 },
  ].map(({ B, S, D }) =>
    fused(`norms of ${B} × ${S} × ${D}, modulated and not, far from zero`, async ({ tf, normal, agree }) => {
      const x = tf.tidy(() => tf.add(normal(B, S, D), 30)) as never;
      const [weight, bias] = [normal(D), normal(D)] as never[];
      const modulation = { scale: normal(B, 1, D), shift: normal(B, 1, D) };
      await agree((ops) => ops.layerNorm(x, weight!, bias));
      await agree((ops) => ops.rmsNorm(x, weight!, 0.1));
      await agree((ops) => ops.modulatedNorm(x, weight!, { kind: 'layer', ...modulation }));
      await agree((ops) => ops.modulatedNorm(x, weight!, { kind: 'rms', ...modulation }));
      tf.dispose([x, weight!, bias!, modulation.scale, modulation.shift]);
    }),
  ),

  fused('takes more rows than workgroups fit along an axis', async ({ tf, normal, agree }) => {
    const [x, weight] = [normal(65_537, 3), normal(3)] as never[];
    await agree((ops) => ops.rmsNorm(x!, weight!));
    tf.dispose([x!, weight!]);
  }),

  ...[
    { B: 2, H: 7, W: 5, C: 6, O: 5, numGroups: 3 },
    { B: 1, H: 16, W: 12, C: 32, O: 32, numGroups: 8 },
  ].map(({ B, H, W, C, O, numGroups }) =>
    fused(
      `images of ${B} × ${H} × ${W} × ${C}: norm, convolutions to ${O}, nearest codes`,
      async ({ tf, normal, agree }) => {
        const x = tf.tidy(() => tf.add(normal(B, H, W, C), 3)) as never;
        const [weight, bias, residual] = [normal(3, 3, C, O), normal(O), normal(B, H, W, O)] as never[];
        const norm = { weight: normal(C) as never, bias: normal(C) as never, numGroups };
        const codebook = normal(101, C) as Tensor2D;
        await agree((ops) => ops.groupNorm(x, norm.weight, norm.bias, numGroups));
        await agree((ops) => ops.conv2d(x, weight!, bias, { stride: 2, padding: [0, 1, 0, 1] }));
        await agree((ops) => ops.normSiluConv2d(x, norm, weight!, { bias, residual }));
        await agree((ops) => {
          const own = tf.add(x, 0) as never;
          const y = ops.normSiluConv2d(own, norm, weight!, { bias, isLastUse: true });
          if (!(own as Tensor).isDisposed) throw new Error('expected x to be disposed');
          return y;
        });
        await agree((ops) => ops.upsampleConv2d(x, weight!, bias));
        await agree((ops) => tf.tidy(() => ops.nearestCode(tf.reshape(x, [-1, C]), codebook)));
        tf.dispose([x, weight!, bias!, residual!, norm.weight, norm.bias, codebook]);
      },
    ),
  ),

  ...[
    { B: 2, S: 7, F: 21 },
    { B: 3, S: 16, F: 132 },
  ].map(({ B, S, F }) =>
    fused(`global response norm of ${B} × ${S} × ${F}`, async ({ tf, normal, agree }) => {
      const [x, gamma, beta] = [normal(B, S, F), normal(1, 1, 1, F), normal(F)] as never[];
      await agree((ops) => ops.responseNorm(x!, gamma!, beta!));
      tf.dispose([x!, gamma!, beta!]);
    }),
  ),

  ...[
    { rows: 2, S: 37, V: 211, temperature: 0.8 },
    { rows: 1, S: 64, V: 64, temperature: 1.3 },
    { rows: 2, S: 5, V: 8192, temperature: 0 },
    { rows: 2, S: 29, V: 1024, temperature: 1 },
  ].map(({ rows, S, V, temperature }) =>
    fused(`tokens of ${rows} × ${S} × ${V} at ${temperature}`, async ({ tf, normal, agree }) => {
      const logits = tf.tidy(() => {
        const ruledOut = tf.less(tf.range(0, V), 3);
        return tf.where(ruledOut, tf.fill([rows, S, V], -Infinity), normal(rows, S, V));
      }) as never;
      const draws = tf.randomUniform([S], 0, 1, 'float32', 5) as never;
      const settings = tf.tensor1d([1.7, temperature]);
      await agree((ops) => ops.sampleTokens(logits, draws, settings));
      tf.dispose([logits, draws, settings]);
    }),
  ),

  fused(
    'tells logits that are no distribution, and leaves out what is not asked for',
    async ({ tf, ops }) => {
      const rows = [
        [0, 1, Number.NaN],
        [0, Number.POSITIVE_INFINITY, 1],
        Array(3).fill(-Infinity),
        [1, 2, 3],
        [1, 2, 3],
      ];
      const logits = tf.tensor3d([rows]);
      const draws = tf.tensor1d([0.5, 0.5, 0.5, 0.999, -1]);
      const settings = tf.tensor1d([0, 1]);
      const sampled = ops.sampleTokens(logits, draws, settings);
      const logOfLast = -Math.log(1 + Math.exp(-1) + Math.exp(-2));
      const data = [-1, 0, -1, 0, -1, 0, 2, logOfLast, 0, 0];
      await expectTensorClose(sampled, { shape: [5, 2], data }, 1e-6);
      tf.dispose([logits, draws, settings, sampled]);
    },
    ['webgpu'],
  ),

  fused(
    'has no logarithm of what is no distribution, and draws nothing that is ruled out',
    async ({ tf, ops }) => {
      for (const V of [12, 256]) {
        const likely = (from: number, to: number, value = 1) =>
          Array.from({ length: V }, (_, v) => (v >= from && v < to ? value : -Infinity));
        const rows = [
          likely(0, V, Number.NaN),
          likely(0, 2, Number.POSITIVE_INFINITY),
          likely(0, 0),
          likely(3, 5),
          likely(V - 5, V - 3),
          likely(V - 5, V - 3),
          likely(3, 4),
        ];
        const logits = tf.tensor3d([rows]);
        const draws = tf.tensor1d([0.5, 0.5, 0.5, 1e-9, 0.51, 1, 1]); // 1: the next double below, at f32
        const settings = tf.tensor1d([0, 1]);
        const sampled = ops.sampleTokens(logits as never, draws as never, settings as never);
        const pairs = (await sampled.array()) as number[][];
        if (pairs.slice(0, 3).some(([, logarithm]) => !Number.isNaN(logarithm))) throw new Error(`got ${pairs}`);
        const data = [3, V - 4, V - 4, 3].flatMap((token, i) => [token, i < 3 ? -Math.LN2 : 0]);
        const rest = tf.slice(sampled, 3);
        await expectTensorClose(rest, { shape: [4, 2], data }, 1e-6);
        tf.dispose([logits, draws, settings, sampled, rest]);
      }
    },
    ['tensorflow'],
  ),

  ...[
    { B: 2, h: 5, w: 7, D: 21 },
    { B: 3, h: 3, w: 2, D: 280 },
  ].map(({ B, h, w, D }) =>
    fused(`codes and places of ${B} × ${h} × ${w} in ${D}`, async ({ tf, normal, agree }) => {
      const tables = { codes: normal(13, D), rows: normal(h, D), columns: normal(w, D) } as never;
      const ids = tf.randomUniform([B, h * w], 0, 13, 'int32', 7) as never;
      await agree((ops) => ops.embedGrid(ids, tables));
      tf.dispose([ids, tables]);
    }),
  ),

  ...[
    { B: 2, S: 67, M: 51 },
    { B: 3, S: 5, M: 5 },
  ].map(({ B, S, M }) =>
    fused(`a step of ${B} × ${S} tokens of which at most ${M} are masked`, async ({ tf, normal, agree }) => {
      const tokens = tf.tensor2d(
        Float32Array.from({ length: B * S }, (_, i) => (i % 4 > 0 ? 99 : i)),
        [B, S],
      );
      const ids = tf.cast(tokens, 'int32') as never;
      const state = tf.stack([tokens, normal(B, S), normal(B, S)]) as never;
      const [drawn, noise] = [normal(B, M, 2), normal(B, S)] as never[];
      const choice = tf.tensor2d(Array.from({ length: B }, (_, b) => [b % 2, 3 * b + 1, 9])) as never;
      await agree((ops) => ops.maskedPositions(ids, 99, M));
      await agree((ops) => ops.decideTokens({ state, drawn: drawn!, noise: noise!, choice }, 99));
      tf.dispose([tokens, ids, state, drawn!, noise!, choice]);
    }),
  ),

  fused('leaves gradients to the reference', async ({ tf, ops, normal }) => {
    const [x, weight] = [normal(2, 3, 8), normal(8, 8)] as [Tensor, Tensor];
    const block = (some: Ops) => (a: Tensor, w: Tensor) => {
      const attended = some.selfAttention(a as never, { query: w, key: w, value: w } as never, { numHeads: 2 });
      return some.fusedLinear(some.silu(attended), w as Tensor2D, { activation: 'gelu', residual: a });
    };
    const [got, wanted] = [tf.grads(block(ops))([x, weight]), tf.grads(block(referenceOps))([x, weight])];
    for (const [i, gradient] of got.entries()) {
      await expectTensorClose(gradient, { shape: wanted[i]!.shape, data: await wanted[i]!.data() }, 1e-6);
    }
    tf.dispose([...got, ...wanted, x, weight]);
  }),
];
