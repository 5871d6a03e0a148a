// What each tile of the product kernel takes on this adapter: node scripts/measureTiles.mjs [--dtype f32|f16|q8|w16a16|w8a8]
// [--sizes MxKxN,…] [--rounds n] [--repeats n]
// The default sizes are those of aMUSEd-256's linear maps, both rows of guidance at once. Prints the least time of the rounds, which go through
// the tiles in turns, and how many times as fast as the first tile that is; of tiles that the device does not compute the reason. Tiles of
// one dtype that do not give the same bits are said to be others.
import { parseArgs } from 'node:util';
import { createBackend } from '../dist/index.js';
import { gemm, matrixSource } from '../dist/kernels/webgpu/gemm.js';
import { nameOfTile, threadsOf, tileMemory, tilesFor } from '../dist/kernels/webgpu/gemmTiles.js';
import { roundedSource } from '../dist/kernels/webgpu/roundedRows.js';
import { tileChoice } from '../dist/kernels/webgpu/tileChoice.js';
import { sameBits } from '../dist/plan/sameBits.js';

const print = (text) => process.stdout.write(`${text}\n`);
const { values: args } = parseArgs({
  options: {
    dtype: { type: 'string', default: 'f32' },
    sizes: { type: 'string', default: '512x1024x3072,512x1024x1024,512x1024x5632,512x2816x1024' },
    rounds: { type: 'string', default: '3' },
    repeats: { type: 'string', default: '1' },
  },
});
const [numRounds, numRepeats] = [Number(args.rounds), Number(args.repeats)];
const arithmetic = { w16a16: 'f16', w8a8: 'i8' }[args.dtype] ?? 'f32';

const backend = await createBackend({ device: 'webgpu', autotune: false, dtype: args.dtype }).catch((error) => {
  process.stderr.write(`[measureTiles] ${error.message}\n`);
  process.exit(2);
});
const { tf, capabilities } = backend;
const choice = tileChoice();
print(`${capabilities.description}, ${args.dtype}`);

for (const size of args.sizes.split(',')) {
  const [M, K, N] = size.split('x').map(Number);
  const [x, made] = [tf.randomNormal([M, K], 0, 1, 'float32', 3), tf.randomNormal([K, N], 0, 0.1, 'float32', 5)];
  const weight = args.dtype === 'f32' ? made : backend.packWeight(made, args.dtype);
  const times = new Map();
  let wanted;
  print(`\n${M} × ${K} · ${K} × ${N}`);
  for (const tile of tilesFor(arithmetic, choice.tiles)) {
    const name = nameOfTile(tile);
    const bytes = tileMemory(tile, { arithmetic, isGated: false });
    if (!choice.fits(bytes, threadsOf(tile))) {
      print(`${name.padEnd(24)} takes ${bytes} bytes of workgroup memory and ${threadsOf(tile)} threads`);
      continue;
    }
    const source = arithmetic === 'f32' ? matrixSource(x, K) : roundedSource(x, K, arithmetic);
    const product = () => gemm({ sizes: { M, N, K }, source, weights: [weight], tile });
    const repeated = () => tf.tidy(() => Array.from({ length: numRepeats }, product).at(-1));
    try {
      const plan = await backend.capture(repeated, []);
      const [result] = await plan.run([]);
      const bits = await result.data();
      result.dispose();
      wanted ??= bits;
      times.set(name, { plan, ms: Number.POSITIVE_INFINITY, note: sameBits(bits, wanted) ? '' : '  other bits' });
    } catch (error) {
      print(`${name.padEnd(24)} ${error.message.split('\n')[0]}`);
    }
  }
  for (let round = 0; round < numRounds; round++) {
    for (const entry of times.values()) {
      const start = performance.now();
      const [result] = await entry.plan.run([]);
      await backend.checkErrors(); // waits until all is done
      entry.ms = Math.min(entry.ms, (performance.now() - start) / numRepeats);
      result.dispose();
    }
  }
  const [first] = times.values();
  for (const [name, { plan, ms, note }] of times) {
    const gflops = (2 * M * N * K) / ms / 1e6;
    print(
      `${name.padEnd(24)} ${ms.toFixed(3).padStart(10)} ms ${gflops.toFixed(0).padStart(7)} GFLOP/s ${(first.ms / ms).toFixed(2)}×${note}`,
    );
    plan.dispose();
  }
  tf.dispose([x, made, weight]);
}
process.exit(0);
