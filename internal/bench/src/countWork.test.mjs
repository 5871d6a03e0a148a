import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countWork } from './countWork.mjs';
import { perKernel } from './rooflineBound.mjs';
import { forwardFlop, weightsPerToken } from './transformerCost.mjs';

/** Dawn is an optional dependency; its null adapter needs no driver. */
const hasDawn = await import('webgpu').then(
  () => true,
  () => false,
);

describe.skipIf(!hasDawn)('countWork (needs the package webgpu)', () => {
  const numTextTokens = 77;
  let backend;
  let makeForward;
  beforeAll(async () => {
    const module = await import('./makeForward.mjs');
    makeForward = module.makeForward;
    backend = await module.startWebgpu('null');
  });
  afterAll(() => backend.dispose());

  const sum = (commands, key) => commands.reduce((total, command) => total + command[key], 0);

  /** The work of a forward pass, and what its configuration says. */
  async function forwardOf(model, numRows) {
    const { config, given, ids, transformerOf } = makeForward(backend, model, { numRows, numTextTokens });
    const transformer = transformerOf(backend.ops);
    const prepared = transformer.prepare(given);
    const commands = countWork(backend, () => transformer.forward(ids, prepared));
    await backend.checkErrors();
    return { commands, config };
  }

  it('counts a product: 2·M·N·K, each number moved once', () => {
    const { tf, ops } = backend;
    const [x, weight, bias] = [tf.zeros([2, 5, 8]), tf.zeros([8, 12]), tf.zeros([12])];
    const [work, ...others] = countWork(backend, () => ops.linear(x, weight, bias));
    expect(others).toEqual([]);
    expect(work).toEqual({
      kernel: 'Gemm',
      flop: 2 * 10 * 8 * 12,
      readBytes: 4 * (10 * 8 + 8 * 12 + 12),
      weightBytes: 4 * 8 * 12,
      writtenBytes: 4 * 10 * 12,
      numWorkgroups: 1,
    });
    const packed = countWork(backend, () => ops.linear(x, weight, bias), { bytesPerWeight: 1 })[0];
    expect(packed.readBytes).toBe(4 * (10 * 8 + 12) + 8 * 12);
  });

  it('counts a gated product twice as wide as what it gives', () => {
    const { tf, ops } = backend;
    const [x, weight] = [tf.zeros([1, 3, 8]), tf.zeros([8, 24])];
    const [work] = countWork(backend, () => ops.fusedLinear(x, weight, { activation: 'geglu' }));
    expect([work.flop, work.writtenBytes]).toEqual([2 * 3 * 8 * 24, 4 * 3 * 12]);
  });

  it('counts a convolution by its filter and the pixels that it gives', () => {
    const { tf, ops } = backend;
    const [x, filter] = [tf.zeros([2, 6, 10, 4]), tf.zeros([3, 3, 4, 8])];
    const [work] = countWork(backend, () => ops.conv2d(x, filter, undefined, { stride: 2, padding: [1, 1, 1, 1] }));
    expect(work.flop).toBe(2 * (2 * 3 * 5) * (9 * 4) * 8);
  });

  it('reads queries, keys and values of one tensor once, and those of several each', () => {
    const { tf, ops } = backend;
    const [B, S, T, D] = [2, 6, 5, 8];
    const [x, other] = [tf.zeros([B, S, D]), tf.zeros([B, T, D])];
    const weights = { query: tf.zeros([D, D]), key: tf.zeros([D, D]), value: tf.zeros([D, D]) };
    const [projected, own] = countWork(backend, () => ops.selfAttention(x, weights, { numHeads: 2 }));
    expect(projected.flop).toBe(2 * B * S * D * 3 * D);
    expect([own.kernel, own.flop, own.readBytes]).toEqual(['Attention', 4 * B * S * S * D, 4 * B * S * 3 * D]);
    const [cross] = countWork(backend, () => ops.attention(x, other, tf.clone(other), { numHeads: 2 }));
    expect(cross.flop).toBe(4 * B * S * T * D);
  });

  it('reads of a table only the rows that are taken', () => {
    const { tf, ops } = backend;
    const ids = tf.zeros([1, 4], 'int32');
    const [work] = countWork(backend, () => ops.embedding(tf.zeros([1000, 16]), ids));
    expect(work.readBytes).toBe(4 * (4 * 16 + 4));
  });

  it.each(['tiny', 'emoji', '632M'])("adds up to the formula of Muse's transformer: %s", async (model) => {
    const B = 2;
    const { commands, config } = await forwardOf(model, B);
    expect(sum(commands, 'flop')).toBe(forwardFlop(config, { numRows: B, numTextTokens }));
    expect(sum(commands, 'weightBytes')).toBe(4 * weightsPerToken(config));
  });

  it("adds up to the formula of aMUSEd's transformer", async () => {
    const B = 2;
    const { commands, config } = await forwardOf('amused-256', B);
    const { hiddenSize: D, mlpDim: F, blockChannels: C, embedChannels: E, codebookSize: V, numLayers: L } = config;
    const S = config.latentSize ** 2;
    const numBlocks = 2 * config.numResBlocks;
    // Of a block: the MLP of four times the width, and queries and results of two attentions.
    const ofBlocks = numBlocks * (8 * C * C + 4 * C * C);
    const ofLayers = L * (4 * D * D + 2 * D * D + 3 * D * F);
    const weightsPerToken = E * C + ofBlocks + 2 * C * D + ofLayers + C * E + E * V;
    const depthwise = numBlocks * 2 * 9 * B * S * C;
    const attention = numBlocks * 2 * 4 * B * S * numTextTokens * C + L * 4 * B * S * (S + numTextTokens) * D;
    expect(sum(commands, 'flop')).toBe(2 * B * S * weightsPerToken + depthwise + attention);
    expect(sum(commands, 'weightBytes')).toBe(4 * weightsPerToken);
  });
});

describe('perKernel', () => {
  const work = { kernel: 'Gemm', flop: 0, readBytes: 0, writtenBytes: 0, weightBytes: 0, numWorkgroups: 1 };
  const gpu = { tflops: 2, gbs: 100 };

  it('bounds each command by the longer of its two times', () => {
    const computing = { ...work, flop: 4e9, readBytes: 50e6, writtenBytes: 50e6, numWorkgroups: 7 }; // 2 ms and 1 ms
    const moving = { ...work, flop: 2e9, readBytes: 600e6, numWorkgroups: 3 }; // 1 ms and 6 ms
    const [kernel] = perKernel([computing, moving], [gpu]);
    expect(kernel).toMatchObject({ numCommands: 2, leastWorkgroups: 3, flop: 6e9, bytes: 700e6 });
    expect(kernel.bounds[0].ms).toBeCloseTo(8, 12);
    expect(kernel.bounds[0].computeShare).toBeCloseTo(2 / 8, 12);
  });

  it('bounds products of matrices by their own peak, and the rest of a pass by that of f32', () => {
    const product = { ...work, flop: 4e9, readBytes: 10e6, isOfMatrices: true }; // 0.5 ms and 0.1 ms
    const attention = { ...work, flop: 4e9, isOfMatrices: false }; // 2 ms
    const [kernel] = perKernel([product, attention], [{ ...gpu, matrixTflops: 8 }]);
    expect(kernel.bounds[0].ms).toBeCloseTo(2.5, 12);
  });

  it('puts the kernel with the longest bound first', () => {
    const commands = [
      { ...work, kernel: 'RowNorm', readBytes: 1e6 },
      { ...work, flop: 2e9 },
    ];
    expect(perKernel(commands, [gpu]).map(({ kernel }) => kernel)).toEqual(['Gemm', 'RowNorm']);
  });
});
