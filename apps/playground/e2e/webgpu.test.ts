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

  it('makes an image', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Make it' }).click();
    first = (await pixelsOf(page, picture)).data;
    await page.locator('.facts', { hasText: '16 × 16 · webgpu' }).waitFor();
    expect(visit.errors).toEqual([]);
  });

  // A second time around for SwiftShader's compiler: minutes, so only when asked for.
  it.runIf(process.env.MUSE_SLOW)('starts again when the GPU is lost, and gives the same image', async () => {
    const { page } = visit;
    const session = await launched.browser!.newBrowserCDPSession();
    await page.getByLabel('Images').selectOption('8');
    await page.getByRole('button', { name: 'Make it' }).click();
    await expectSaid(page, /Image 1 of 8 · step/);
    await session.send('Browser.crashGpuProcess').catch(() => {});
    await expectSaid(page, /The GPU was lost/);
    await page.locator('.facts', { hasText: 'seed 12 ·' }).waitFor();
    // Newest first: of the second try, seed 12 down to seed 5.
    await page.locator('.history button').nth(7).click();
    expect((await pixelsOf(page, picture)).data).toEqual(first);
  });
});
