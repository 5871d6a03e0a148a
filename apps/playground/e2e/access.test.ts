import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

let server: StaticServer;
beforeAll(async () => {
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(() => server.close());

describeInBrowser('the playground without a pointer, in any size and light', [], (launched) => {
  let visit: Visit;
  const button = (name: string | RegExp) => visit.page.getByRole('button', { name, exact: true });
  const done = (name: RegExp) => visit.page.locator('.result').getByRole('img', { name }).first().waitFor();
  const focused = () =>
    visit.page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement;
      return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '';
    });
  const tabTo = async (name: RegExp) => {
    for (let i = 0; i < 60; i++) {
      await visit.page.keyboard.press('Tab');
      if (name.test(await focused())) return;
    }
    throw new Error(`no ${name} by Tab`);
  };
  const press = (key: string) => visit.page.keyboard.press(key);

  it('makes an image by the keyboard alone, looks at its steps, tokens and link', async () => {
    const sampling = encodeURIComponent(JSON.stringify({ numSteps: 2 }));
    visit = await launched.visit(`${server.url}#prompt=a+cat&seed=1&sampling=${sampling}`);
    const { page } = visit;
    await expectAccessible(page);
    await tabTo(/^Prompt/);
    await press('Control+a');
    await page.keyboard.type('a fish');
    await press('Enter');
    await done(/a fish, seed 1/);
    await tabTo(/^Step$/);
    await press('Home');
    await page.getByText(/step 1 of 2, /).waitFor();
    await tabTo(/Link/);
    await press('Enter');
    await page.getByText('Link copied.').first().waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('prompt=a+fish');
    await tabTo(/Under the hood/);
    await press('Enter');
    await tabTo(/^Row 1, column 1/);
    await press('ArrowDown');
    await page.getByText(/^Row 2, column 1: /).waitFor();
  });

  it('breaks no rule of axe and scrolls nowhere sideways, from 360 pixels to 4K, in light and dark', async () => {
    const { page } = visit;
    await page.locator('summary', { hasText: 'Settings' }).click();
    for (const verb of ['Generate', 'Paint over', 'Extend', 'Change', 'Vary']) {
      await page.getByText(verb, { exact: true }).click();
      for (const width of [360, 800, 1280, 3840]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth), `${verb} at ${width}`).toBe(width);
      }
      await page.emulateMedia({ colorScheme: 'dark' });
      await expectAccessible(page);
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 360, height: 740 });
      await expectAccessible(page);
    }
  });

  it('moves nothing by itself for those who want it so', async () => {
    const { page } = visit;
    const running = () => page.evaluate(() => document.getAnimations().length);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByText('Generate', { exact: true }).click();
    await page.getByRole('spinbutton', { name: 'Steps' }).fill('40');
    await page.getByLabel('Images').selectOption('8');
    await button('Make it').click();
    await page.getByText(/Image 1 of 8 · step/).waitFor();
    expect(await running()).toBeGreaterThan(0);
    await expectAccessible(page);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect(await running()).toBe(0);
    await button('Cancel').click();
    await button('Make it').waitFor();
  });
});
