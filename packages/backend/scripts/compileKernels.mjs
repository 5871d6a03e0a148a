// Compiles assembly/ into src/kernels/wasm/binaries.ts, which is committed: `pnpm kernels`. With --check it fails where that
// file is not what the sources give: the same sources give the same bytes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = fileURLToPath(new URL('..', import.meta.url));
const output = join(folder, 'src/kernels/wasm/binaries.ts');

const source = `// Made of assembly/ by scripts/compileKernels.mjs: WebAssembly modules, base64.
export const plainBinary =
  '${await compileKernels(false)}';
/** With relaxed SIMD: a product and a sum in one instruction. */
export const relaxedBinary =
  '${await compileKernels(true)}';
`;
if (!process.argv.includes('--check')) await writeFile(output, source);
else if ((await readFile(output, 'utf8')) !== source)
  throw new Error('binaries.ts is not what assembly/ gives: pnpm kernels');

/** @param {boolean} isRelaxed with multiply-adds that are rounded once */
async function compileKernels(isRelaxed) {
  const features = ['simd', 'threads', 'bulk-memory', ...(isRelaxed ? ['relaxed-simd'] : [])];
  const out = await mkdtemp(join(tmpdir(), 'muse-kernels-'));
  const { error, stderr } = await asc.main([
    join(folder, 'assembly/index.ts'),
    ...['-O3', '--runtime', 'stub', '--noAssert', '--importMemory', '--sharedMemory', '--use', 'abort='],
    ...['--initialMemory', '1', '--maximumMemory', '65536', '--disableWarning', '112'],
    ...features.flatMap((feature) => ['--enable', feature]),
    ...['--outFile', join(out, 'kernels.wasm')],
  ]);
  if (error) throw new Error(`assemblyscript: ${error.message}\n${stderr.toString()}`);
  const binary = await readFile(join(out, 'kernels.wasm'));
  await rm(out, { recursive: true });
  return binary.toString('base64');
}
