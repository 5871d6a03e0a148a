import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from '@muse/backend';
import { writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectSaid, pixelsOf, softwareGpu, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-webgpu-'));
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyModel(backend, join(folder, 'tiny'));
  await backend.dispose();
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describeInBrowser('the playground on WebGPU, by SwiftShader', softwareGpu, (launched) => {
  let visit: Visit;
  let first: number[];
  const picture = /a red cat, seed 5$/;

  it('loads a folder from disk, its size and whether it fits said before', async () => {
    visit = await launched.visit(`${server.url}#prompt=a+red+cat&seed=5&sampling=%7B%22numSteps%22%3A2%7D`);
    const { page } = visit;
    await page.getByRole('button', { name: 'Emoji scenes (bundled)' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Computed by').selectOption('webgpu');
    await dialog.getByLabel('Model folder').setInputFiles(join(folder, 'tiny'));
    await dialog.getByText(/^tiny, Apache-2.0; needs \d+\.\d MB of memory: fits this device$/).waitFor();
    await dialog.getByRole('button', { name: 'Load tiny' }).click();
    await page.getByText(/swiftshader.*in use/i).waitFor();
  });

  // Everything is compiled for the second time after the loss, by a compiler that is slow: so it comes early in the first image.
  it('starts again when the GPU is lost in the middle of the work', async () => {
    const { page } = visit;
    const session = await launched.browser.newBrowserCDPSession();
    await page.getByRole('button', { name: 'Make it' }).click();
    await expectSaid(page, /Reading the prompt/);
    // Ends with the process, so its answer never comes.
    await session.send('Browser.crashGpuProcess').catch(() => {});
    await expectSaid(page, /The GPU was lost/);
    first = (await pixelsOf(page, picture)).data;
    await page.locator('.facts', { hasText: '16 × 16 · webgpu' }).waitFor();
  });

  it('gives the same image without a loss', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Repeat' }).click();
    await page.locator('.history button').nth(1).waitFor();
    expect((await pixelsOf(page, picture)).data).toEqual(first);
  });
});
