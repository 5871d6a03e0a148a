#!/usr/bin/env node
/**
 * What bounds each kernel of a transformer's forward pass at its full size: FLOP, bytes, and the least time that they take at
 * a GPU's published peaks (the roofline of Williams, Waterman and Patterson 2009). Counted on Dawn's null backend, so no GPU
 * is needed; nothing is timed.
 *
 *   node internal/bench/src/roofline.mjs [--model amused-256] [--rows 2] [--weights f32|f16|q8] [--matrices]
 *     [--gpu name --tflops number --gbs number [--matrix-tflops number]]
 *
 * `--matrices` has products computed by the matrices of subgroups, in halves (the dtype w16a16, with `--weights f16`).
 */
import { parseArgs } from 'node:util';
import { countWork } from './countWork.mjs';
import { makeForward, startWebgpu } from './makeForward.mjs';
import { leastMs, perKernel } from './rooflineBound.mjs';
import { table } from './tables.mjs';

/** f32 outside the tensor cores, halves in them without sparsity, and memory, as NVIDIA's datasheets of the H100 and the L4 say. */
const published = [
  { name: 'H100 SXM', tflops: 67, matrixTflops: 989.5, gbs: 3350 },
  { name: 'L4', tflops: 30.3, matrixTflops: 121, gbs: 300 },
];
const bytesPerWeight = { f32: 4, f16: 2, q8: 1 };

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'amused-256' },
    rows: { type: 'string', default: '2' },
    weights: { type: 'string', default: 'f32' },
    matrices: { type: 'boolean', default: false },
    gpu: { type: 'string' },
    tflops: { type: 'string' },
    gbs: { type: 'string' },
    'matrix-tflops': { type: 'string' },
  },
});
const expect = (isGiven, expectation, got) => {
  if (isGiven) return;
  process.stderr.write(`[roofline] expected ${expectation}, got ${got}\n`);
  process.exit(2);
};
const numRows = Number(args.rows);
expect(Number.isInteger(numRows) && numRows > 0, '--rows to be a whole number of at least 1', args.rows);
expect(
  args.weights in bytesPerWeight,
  `--weights to be one of ${Object.keys(bytesPerWeight).join(', ')}`,
  args.weights,
);
const matrixTflops = Number(args['matrix-tflops']);
const own = { name: args.gpu, tflops: Number(args.tflops), matrixTflops, gbs: Number(args.gbs) };
const isOwn = [args.gpu, args.tflops, args.gbs, args['matrix-tflops']].some((value) => value !== undefined);
const hasOwn = own.name && own.tflops > 0 && own.gbs > 0;
expect(!isOwn || hasOwn, '--gpu with --tflops and --gbs above 0', `${args.gpu}, ${args.tflops}, ${args.gbs}`);
expect(
  !(isOwn && args.matrices) || matrixTflops > 0,
  '--matrices of a --gpu with --matrix-tflops above 0',
  args['matrix-tflops'],
);
const gpus = isOwn ? [own] : published;

const backend = await startWebgpu('null');
let forward;
try {
  forward = makeForward(backend, args.model, { numRows });
} catch (error) {
  expect(false, 'a model', error.message);
}
const { config, numParameters, given, ids, transformerOf } = forward;
const transformer = transformerOf(backend.ops);
const prepared = transformer.prepare(given);
const commands = countWork(backend, () => transformer.forward(ids, prepared), {
  bytesPerWeight: bytesPerWeight[args.weights],
}).map((command) => ({ ...command, isOfMatrices: args.matrices && command.kernel === 'Gemm' }));
await backend.checkErrors().catch((error) => {
  // The null adapter gives no more than 256 MiB; what is counted does not depend on it.
  if (!error.message.includes('Out of memory')) throw error;
});

const print = (text) => process.stdout.write(`${text}\n\n`);
const mb = (bytes) => (bytes / 1e6).toFixed(1);
const numTokens = config.latentSize ** 2;
print(
  `${args.model}: ${(numParameters / 1e6).toFixed(1)}M parameters, ${numRows} rows of ${numTokens} tokens, weights ${args.weights}${args.matrices ? ', products by matrices of halves' : ''}`,
);
const kernels = perKernel(commands, gpus);
const total = {
  ...perKernel(
    commands.map((command) => ({ ...command, kernel: 'all' })),
    gpus,
  )[0],
  kernel: '**all**',
};
print(
  table(
    [
      'kernel',
      'commands',
      'workgroups, least',
      'GFLOP',
      'MB',
      'of weights',
      'FLOP per byte',
      ...gpus.map(({ name }) => `least ms, ${name}`),
    ],
    [...kernels, total].map((kernel) => [
      kernel.kernel,
      kernel.numCommands,
      kernel.leastWorkgroups,
      (kernel.flop / 1e9).toFixed(2),
      mb(kernel.bytes),
      mb(kernel.weightBytes),
      kernel.flop > 0 ? (kernel.flop / kernel.bytes).toFixed(1) : '',
      ...kernel.bounds.map(({ ms, computeShare }) => `${ms.toFixed(3)} (${describe(computeShare)})`),
    ]),
  ),
);
for (const gpu of gpus) {
  const { name, gbs } = gpu;
  const rate = args.matrices ? gpu.matrixTflops : gpu.tflops;
  const once = leastMs({ flop: total.flop, bytes: total.weightBytes, isOfMatrices: args.matrices }, gpu);
  print(
    `${name}: ${rate} TFLOP/s, ${gbs} GB/s, ${((1000 * rate) / gbs).toFixed(0)} FLOP per byte. If activations never left the caches: ${once.toFixed(3)} ms.`,
  );
}
const dense = 2 * numParameters * numRows * numTokens;
print(`2 · parameters · tokens: ${(dense / 1e9).toFixed(1)} GFLOP; counted: ${(total.flop / 1e9).toFixed(1)}`);
process.exit(0);

/** Which of the two bounds it, by the share of the least time in commands that computing bounds. */
function describe(computeShare) {
  if (computeShare > 0.99) return 'compute';
  return computeShare < 0.01 ? 'memory' : `${Math.round(100 * computeShare)} % compute`;
}
