import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from '@muse/backend';
import { writeTinyModel } from '@muse/tiny-model';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wasmThreads } from '../build/wasmThreads.ts';
import { describeInBrowser, pixelsOf } from './browser.ts';
import { serve } from './serve.ts';

const require = createRequire(import.meta.url);
const readme = readFileSync(fileURLToPath(new URL('../../../packages/muse/README.md', import.meta.url)), 'utf8');

/** A block of the guide, by the file name in its first line. */
function block(name: string): string {
  const code = readme.match(new RegExp(`^\`\`\`js\\n// ${name}\\n([\\s\\S]*?)^\`\`\``, 'm'))?.[1];
  if (!code) throw new Error(`no ${name} in the README of @muse/muse`);
  return code;
}

/** What the guide says of headers, taken at its word. */
const isolation = Object.fromEntries(
  [...readme.matchAll(/`(Cross-Origin-[\w-]+): ([\w-]+)`/g)].map(([, name, value]) => [name!, value!]),
);
const policy = { 'Content-Security-Policy': readme.match(/\| CSP \| `([^`]+)`/)![1]! };

let root: string;
beforeAll(async () => {
  // Inside the workspace, so that the packages are found as an app would find them.
  root = await mkdtemp(fileURLToPath(new URL('../node_modules/.guide-', import.meta.url)));
  writeFileSync(join(root, 'museWorker.js'), block('museWorker.js'));
  writeFileSync(join(root, 'page.js'), block('page.js'));
  const canvas = '<canvas role="img" aria-label="result"></canvas>';
  writeFileSync(join(root, 'index.html'), `<!doctype html>${canvas}<script type="module" src="./page.js"></script>`);
  const kernels = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
  mkdirSync(join(root, 'public/wasm'), { recursive: true });
  for (const file of readdirSync(join(kernels, 'dist')).filter((name) => name.endsWith('.wasm'))) {
    cpSync(join(kernels, 'dist', file), join(root, 'public/wasm', file));
  }
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyModel(backend, join(root, 'public/model'));
  await backend.dispose();
  const plugins = () => [wasmThreads()];
  await build({ root, base: './', logLevel: 'error', worker: { format: 'es', plugins }, plugins: plugins() });
});
afterAll(() => rm(root, { recursive: true }));

const images: number[][] = [];

describeInBrowser('the guide’s page', [], (launched) => {
  it.each([
    ['alone', {}, 'one thread'],
    ['isolated and under its policy', { ...isolation, ...policy }, 'threads'],
  ])('makes an image on wasm: %s', async (_, headers, threads) => {
    const server = await serve(join(root, 'dist'), headers);
    const { page, errors } = await launched.visit(server.url);
    await page.waitForFunction(() => document.title === 'done on wasm');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(threads === 'threads');
    images.push((await pixelsOf(page, 'result')).data);
    expect(errors.filter((text) => !text.includes('favicon') && !text.includes('404'))).toEqual([]);
    await page.context().close();
    await server.close();
  });

  it('makes the same image with threads and without', () => {
    expect(Object.keys(isolation)).toHaveLength(2);
    expect(images).toHaveLength(2);
    expect(images[1]).toEqual(images[0]);
  });
});
