// node scripts/fuzz.mjs [count] [--seed first]: the fuzz test with another number of inputs.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '0' } },
});
const [count = '100000'] = positionals;
for (const number of [count, values.seed]) {
  if (!/^\d+$/.test(number)) throw new Error(`expected a number of inputs and a seed, got ${number}`);
}
const { status } = spawnSync('npx', ['vitest', 'run'], {
  cwd: dirname(dirname(fileURLToPath(import.meta.url))),
  stdio: 'inherit',
  env: { ...process.env, FUZZ_COUNT: count, FUZZ_SEED: values.seed },
});
process.exit(status ?? 1);
