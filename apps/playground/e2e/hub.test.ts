import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { folderFiles, type HubServer, startHubServer } from '@muse/hub-server';
import { writeTinyModel } from '@muse/tiny-model';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, pixelsOf, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

/** Where the page asks for models. */
const HUB = 'https://huggingface.co';

let folder: string;
let server: StaticServer;
let hub: HubServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-hub-'));
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyModel(backend, join(folder, 'tiny'));
  await backend.dispose();
  hub = await startHubServer({
    'org/tiny': { files: await folderFiles(join(folder, 'tiny')) },
    'org/amused-tiny': { files: await folderFiles(fixturePath('amused/amused-tiny')) },
    'org/gated': { files: await folderFiles(join(folder, 'tiny')), isGated: true },
  });
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(async () => {
  await server.close();
  await hub.close();
  await rm(folder, { recursive: true });
});

/** What a page asks of the hub goes to the one on this machine, whose redirects the browser follows itself. */
async function reroute(context: BrowserContext): Promise<void> {
  await context.route(`${HUB}/**`, async (route) => {
    const response = await route.fetch({ url: route.request().url().replace(HUB, hub.url), maxRedirects: 0 });
    await route.fulfill({ response });
  });
}

/** Requests for the bytes of files, since a moment. */
const filesAsked = (since: number) => hub.requests.slice(since).filter(({ url }) => /\/resolve\/|^\/blobs\//.test(url));
const weightsAsked = (since: number) => hub.requests.slice(since).filter(({ isCdn }) => isCdn);

describeInBrowser('models of the hub', [], (launched) => {
  let visit: Visit;
  let first: number[];
  const make = () => visit.page.getByRole('button', { name: 'Make it' });
  const look = async (current: string, id: string) => {
    await visit.page.getByRole('button', { name: current, exact: true }).click();
    const dialog = visit.page.getByRole('dialog');
    await dialog.getByLabel('From the Hugging Face hub').fill(id);
    await dialog.getByRole('button', { name: 'Look' }).click();
    return dialog;
  };

  it('one is loaded by its name, its size and whether it fits said before', async () => {
    const context = await launched.browser!.newContext({ viewport: { width: 1280, height: 900 } });
    await reroute(context);
    visit = await launched.visit(`${server.url}#prompt=a+red+cat&seed=1`, context);
    const { page } = visit;
    const dialog = await look('Emoji scenes (bundled)', 'org/tiny');
    await dialog.getByText(/^tiny, Apache-2.0; needs .* fits this device$/).waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Load org/tiny' }).click();
    await page.locator('.model-line', { hasText: 'in use' }).waitFor();
    expect(weightsAsked(0).length).toBeGreaterThan(2);
    await make().click();
    first = (await pixelsOf(page, /a red cat, seed 1$/)).data;
    expect(await page.evaluate(() => location.hash)).toContain('model=org%2Ftiny');
    expect(visit.errors).toEqual([]);
  });

  it('its files lie in the Cache API', async () => {
    const kept = await visit.page.evaluate(async () => {
      const cache = await caches.open('muse');
      const entries = await cache.keys();
      const sizes = await Promise.all(
        entries.map(async (key) => (await (await cache.match(key))!.arrayBuffer()).byteLength),
      );
      return entries.map(({ url }, i) => [url, sizes[i]!] as const);
    });
    const commit = hub.commitOf('org/tiny');
    for (const [path, { length }] of await folderFiles(join(folder, 'tiny'))) {
      const url = `${HUB}/org/tiny/resolve/${commit}/${path}?`;
      const own = kept.filter(([name]) => name.startsWith(url));
      expect(
        own.reduce((sum, [, size]) => sum + size, 0),
        path,
      ).toBe(length);
      expect(own.filter(([name]) => name.endsWith('muse-done=1'))).toHaveLength(1);
    }
  });

  it('the second time none of them is asked for, and the image is the same', async () => {
    const { page } = visit;
    const before = hub.requests.length;
    await page.reload();
    await make().click();
    expect((await pixelsOf(page, /a red cat, seed 1$/)).data).toEqual(first);
    expect(hub.requests.length).toBeGreaterThan(before);
    expect(filesAsked(before)).toEqual([]);
  });

  it('without a network it is there all the same', async () => {
    const { page, context } = visit;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await expect
      .poll(
        () =>
          page.evaluate(async () => {
            const name = (await caches.keys()).find((key) => key.startsWith('muse-page-'))!;
            return (await (await caches.open(name)).keys()).some(({ url }) => url.includes('threaded-simd'));
          }),
        { timeout: 60_000 },
      )
      .toBe(true);
    const before = hub.requests.length;
    await context.unroute(`${HUB}/**`);
    await context.setOffline(true);
    await page.reload();
    await make().click();
    expect((await pixelsOf(page, /a red cat, seed 1$/)).data).toEqual(first);
    expect(hub.requests).toHaveLength(before);
    await context.setOffline(false);
    await reroute(context);
  });

  it('one of diffusers is looked into by ranges, and loaded without what it does not need', async () => {
    const { page } = visit;
    const before = hub.requests.length;
    const dialog = await look('org/tiny', 'org/amused-tiny');
    await dialog.getByText(/needs .* fits this device$/).waitFor();
    expect(weightsAsked(before).map(({ range }) => range)).toEqual(Array(3).fill('bytes=0-131071'));
    await dialog.getByRole('button', { name: 'Load org/amused-tiny' }).click();
    await page.getByRole('button', { name: 'org/amused-tiny', exact: true }).waitFor();
    await make().click();
    await page.locator('.history button').nth(1).waitFor();
    expect(await page.evaluate(() => location.hash)).toContain('model=org%2Famused-tiny');
    expect(filesAsked(before).some(({ url }) => url.includes('vqvae/diffusion_pytorch_model.safetensors'))).toBe(true);
    expect(filesAsked(before).some(({ url }) => url.includes('expected.safetensors'))).toBe(false);
  });

  it('what can’t be had is told, with what to do', async () => {
    const { page } = visit;
    const dialog = await look('org/amused-tiny', 'org/nothing');
    await dialog.getByText('The hub shows no such model.').waitFor();
    await dialog.getByLabel('From the Hugging Face hub').fill('org/gated');
    await dialog.getByRole('button', { name: 'Look' }).click();
    await dialog.getByText('Accept its terms on its page on the hub').waitFor();
    expect(await dialog.getByRole('button', { name: 'Load org/gated' }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.locator('.history button').count()).toBe(2);
  });
});
