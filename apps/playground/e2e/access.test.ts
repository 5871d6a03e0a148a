import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, notes, pixelsOf, type Visit } from './browser.ts';
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
  const tabTo = async (name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab') => {
    const passed: string[] = [];
    for (let i = 0; i < 60; i++) {
      await visit.page.keyboard.press(key);
      passed.push(await focused());
      if (name.test(passed.at(-1)!)) return;
    }
    throw new Error(`no ${name} by ${key}: ${passed.join(' | ')}`);
  };
  const type = async (text: string) => {
    await press('Control+a');
    await visit.page.keyboard.type(text);
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

  it('paints over a part of a new image, extends it and looks at models, by the keyboard alone', async () => {
    const sampling = encodeURIComponent(JSON.stringify({ numSteps: 2 }));
    const { context } = visit;
    await visit.page.close();
    visit = await launched.visit(`${server.url}#prompt=&seed=1&superRes=false&sampling=${sampling}`, context);
    const { page } = visit;
    await tabTo(/^Prompt/);
    await page.keyboard.type('a red apple');
    await press('Enter');
    await done(/a red apple, seed 1$/);
    await tabTo(/Work on it/);
    await press('Enter');
    await tabTo(/A box by numbers/, 'Shift+Tab');
    await press('Enter');
    for (const [name, value] of Object.entries({ x: 8, y: 32, width: 24, height: 16 })) {
      await tabTo(new RegExp(`^${name}$`));
      await type(String(value));
    }
    await tabTo(/^Add$/);
    await press('Enter');
    // Taken back and done again.
    await press('Control+z');
    await page.getByText('Paint over the part to change.').waitFor();
    await press('Control+Shift+z');
    await tabTo(/^Prompt/, 'Shift+Tab');
    await type('a blue car');
    await press('Enter');
    await done(/a blue car, seed 1$/);
    const before = (await pixelsOf(page, 'The image to paint over')).data;
    const after = (await pixelsOf(page, /a blue car, seed 1$/)).data;
    const changed = Array.from({ length: 64 * 64 }, (_, i) => i).filter((i) =>
      [0, 1, 2].some((channel) => before[4 * i + channel] !== after[4 * i + channel]),
    );
    expect(changed.length).toBeGreaterThan(0);
    const isInBox = (i: number) => i % 64 >= 8 && i % 64 < 32 && i >> 6 >= 32 && i >> 6 < 48;
    expect(changed.filter((i) => !isInBox(i))).toEqual([]);
    await tabTo(/^Before and after$/);
    await press('ArrowRight');
    expect(await page.locator('.before').evaluate(({ style }) => style.clipPath)).toBe('inset(0px 99% 0px 0px)');

    await tabTo(/^Paint over$/, 'Shift+Tab');
    await press('ArrowRight');
    await tabTo(/^Grow to the right/);
    await press('ArrowRight');
    await tabTo(/^Prompt/, 'Shift+Tab');
    await press('Enter');
    await page.locator('.facts', { hasText: '72 × 64' }).waitFor();

    await tabTo(/^Emoji scenes/, 'Shift+Tab');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(/^Look$/);
    // What is behind a dialog is not come by.
    for (let i = 0; i < 20; i++) {
      await press('Tab');
      const placeOf = () => document.activeElement?.closest('main, header.top, dialog')?.localName;
      expect(['dialog', undefined]).toContain(await page.evaluate(placeOf));
    }
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await focused()).toBe('Emoji scenes (bundled)');
    expect(visit.errors).toEqual([]);
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

  it('breaks none either in dialogs, before and after, under the hood, and with nothing to work on', async () => {
    const { context } = visit;
    const sampling = encodeURIComponent(JSON.stringify({ numSteps: 2 }));
    const other = await launched.visit(
      `${server.url}#prompt=a+cat&seed=1&superRes=false&sampling=${sampling}`,
      context,
    );
    const { page } = other;
    const inBothLights = async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
    };
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
    await page.locator('.result').waitFor();
    await page.locator('summary', { hasText: 'Under the hood' }).click();
    await page.locator('.attention[aria-busy=false]').waitFor();
    await inBothLights();
    await press('Emoji scenes (bundled)');
    const dialog = page.getByRole('dialog');
    await inBothLights();
    const before = (await notes(page)).shift;
    await dialog
      .getByRole('button', { name: /^Emoji scenes/ })
      .first()
      .click();
    await dialog.getByRole('table').waitFor();
    // The dialog has the room for what is found.
    expect((await notes(page)).shift - before).toBeLessThan(0.01);
    await inBothLights();
    await page.keyboard.press('Escape');
    await press('Work on it');
    await page.locator('summary', { hasText: 'A box by numbers' }).click();
    await press('Add');
    await press('Make it');
    await page.getByRole('slider', { name: 'Before and after' }).fill('40');
    await inBothLights();
    await page.goto(`${server.url}?empty`);
    await page.getByText('Paint over', { exact: true }).click();
    await page.getByText('Drop an image anywhere').waitFor();
    await inBothLights();
    expect(other.errors).toEqual([]);
    await page.close();
  });

  it('moves nothing on a phone either while images are made and when they are done', async () => {
    const { context } = visit;
    const sampling = encodeURIComponent(JSON.stringify({ numSteps: 2 }));
    const other = await launched.visit(`${server.url}#prompt=a+cat&seed=1&count=2&sampling=${sampling}`, context);
    const { page } = other;
    await page.setViewportSize({ width: 360, height: 740 });
    const images = page.locator('.history button');
    await expect.poll(() => images.count(), { timeout: 120_000 }).toBe(2);
    const shift = async () => (await notes(page)).shift;
    const before = await shift();
    await page.getByLabel('Images').selectOption('1');
    await page.getByRole('button', { name: 'Make it' }).click();
    await expect.poll(() => images.count(), { timeout: 120_000 }).toBe(3);
    await page.locator('.result').waitFor();
    expect((await shift()) - before).toBeLessThan(0.02);
    expect(other.errors).toEqual([]);
    await page.close();
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
