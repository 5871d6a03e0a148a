import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, pixelsOf, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

let server: StaticServer;
beforeAll(async () => {
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(() => server.close());

describeInBrowser('a page whose model was never loaded, without a network', [], (launched) => {
  let visit: Visit;
  const make = () => visit.page.getByRole('button', { name: 'Make it' });
  const alert = () => visit.page.getByRole('alert');

  it('opens, says what to do, and keeps what was typed', async () => {
    visit = await launched.visit(`${server.url}#prompt=&seed=1&superRes=false&sampling=%7B%22numSteps%22%3A2%7D`);
    const { page, context } = visit;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await context.setOffline(true);
    await page.reload();
    await page.getByLabel('Prompt').fill('a cat');
    await make().click();
    await alert().getByText('could not be downloaded').waitFor({ timeout: 20_000 });
    await alert().getByText('Check the connection and press the button again.').waitFor();
    expect(await page.getByLabel('Prompt').inputValue()).toBe('a cat');
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Emoji scenes (bundled)' }).click();
    const dialog = page.getByRole('dialog');
    await dialog
      .getByRole('button', { name: /^Emoji scenes \(bundled\)/ })
      .first()
      .click();
    await dialog.getByText('Check the connection').waitFor({ timeout: 20_000 });
    await page.keyboard.press('Escape');
  });

  it('goes on by the same button once there is a network again', async () => {
    const { page, context } = visit;
    await context.setOffline(false);
    await make().click();
    expect((await pixelsOf(page, /a cat, seed 1$/)).width).toBe(64);
    expect(await alert().count()).toBe(0);
  });

  it('says so too when the network breaks off in the middle of the model, and fetches no file twice', async () => {
    const { page, context } = await launched.visit(`${server.url}#prompt=a+cat&seed=1`);
    server.cut = 'super_res_vqgan/model.safetensors';
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('alert').getByText('The model could not be downloaded.').waitFor({ timeout: 60_000 });
    server.cut = undefined;
    const before = server.requests.length;
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.locator('.model-line', { hasText: 'in use' }).waitFor();
    const again = server.requests.slice(before).filter((path) => path.endsWith('.safetensors'));
    expect(again.length).toBeGreaterThan(0);
    expect(again.filter((path) => path.includes('/text_encoder/'))).toEqual([]);
    await context.close();
  });
});
