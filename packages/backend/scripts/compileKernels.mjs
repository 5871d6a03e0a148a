// Compiles assembly/ into src/kernels/wasm/kernelBinary.ts, which is committed: `pnpm kernels`. With --check it fails where that
// file is not what the sources give: the same sources give the same bytes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = fileURLToPath(new URL('..', import.meta.url));
const output = join(folder, 'src/kernels/wasm/kernelBinary.ts');

const source = `// Made of assembly/ by scripts/compileKernels.mjs: a WebAssembly module, base64.
export const kernelBinary =
  '${await compileKernels()}';
`;
if (!process.argv.includes('--check')) await writeFile(output, source);
else if ((await readFile(output, 'utf8')) !== source)
  throw new Error('kernelBinary.ts is not what assembly/ gives: pnpm kernels');

async function compileKernels() {
  const features = ['simd', 'threads', 'bulk-memory'];
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
