import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodePng } from '@muse/muse';
import { afterAll, beforeAll, expect, it } from 'vitest';

const page = fileURLToPath(new URL('../../../docs/reuse-the-tokenizer.md', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-page-'));
  await symlink(modules, join(folder, 'node_modules'), 'dir');
});
afterAll(() => rm(folder, { recursive: true }));

it('the example of docs/reuse-the-tokenizer.md paints a picture', async () => {
  const [, example] = /```ts\n([\s\S]*?)```/.exec(await readFile(page, 'utf8')) ?? [];
  await writeFile(join(folder, 'example.mjs'), example!);
  const child = spawn(process.execPath, ['example.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(output).toMatch(/^painted\.png, 64 × 64, of \d+ different tokens$/m);
  expect(code).toBe(0);
  const { data } = decodePng(new Uint8Array(await readFile(join(folder, 'painted.png'))));
  // A picture, and not one colour.
  expect(new Set(data).size).toBeGreaterThan(20);
});
