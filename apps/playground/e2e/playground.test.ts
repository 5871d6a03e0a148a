import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createBackend } from '@muse/backend';
import { decodePng, readPngText } from '@muse/muse';
import { writeTinyCascade } from '@muse/tiny-model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, expectSaid, notes, pixelsOf, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const cli = join(dirname(createRequire(import.meta.url).resolve('@muse/cli/package.json')), 'dist/muse.js');
/** Few steps: the machinery is what is tested. */
const fast = (more = '') => `#prompt=a+smiling+cat%2C+3D+style&seed=1&sampling=%7B%22numSteps%22%3A2%7D${more}`;

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-playground-'));
  server = await serve(dist);
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyCascade(backend, join(folder, 'cascade'));
  await backend.dispose();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describeInBrowser('the playground on wasm', [], (launched) => {
  let visit: Visit;
  const make = () => visit.page.getByRole('button', { name: 'Make it' });
  const done = (name: string | RegExp = /seed 1$/) =>
    visit.page.locator('.result').getByRole('img', { name }).first().waitFor();

  it('opens quickly: little script, soon interactive, the model’s size told before it is loaded', async () => {
    visit = await launched.visit(server.url);
    const { page } = visit;
    await make().waitFor();
    await page.getByLabel('Prompt').fill('a cat');
    expect(await page.getByText('Loads the model first: 25.').count()).toBe(1);
    const scripts = server.requests.filter((path) => path.endsWith('.js') && !path.endsWith('sw.js'));
    const entry = (await readFile(join(dist, 'index.html'), 'utf8')).match(/assets\/[^"]+\.js/g)!;
    const sizes = await Promise.all(entry.map(async (path) => (await stat(join(dist, path))).size));
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(300_000);
    expect(scripts.some((path) => path.includes('museWorker'))).toBe(false);
    expect(server.requests.some((path) => path.includes('/models/'))).toBe(false);
    const { shift, longTasks } = await notes(page);
    expect(shift).toBeLessThan(0.02);
    // Of a machine that may be busy: a second is far from what a quiet one takes.
    expect(Math.max(0, ...longTasks.map(({ duration }) => duration))).toBeLessThan(1000);
    const interactiveMs = await page.evaluate(() => {
      const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
      return navigation!.domInteractive;
    });
    expect(interactiveMs).toBeLessThan(3000);
  });

  it('makes an image, its steps in sight, without holding up the page', async () => {
    const { page } = visit;
    await page.goto(`${server.url}${fast()}`);
    await page.reload();
    const began = await page.evaluate(() => performance.now());
    await make().click();
    await done();
    await expectSaid(page, /step 1 of 2 · \d+ tokens open/);
    await expectSaid(page, /Computed by WebAssembly, on the processor/);
    const { longTasks } = await notes(page);
    const held = longTasks.filter(({ start }) => start > began).map(({ duration }) => duration);
    // 50 ms, and as much again for the noise of a shared machine; on a busy one every task takes longer by the clock.
    const busyness = Math.max(1, loadavg()[0]! / availableParallelism());
    expect(Math.max(0, ...held)).toBeLessThan(100 * busyness);
    expect(visit.errors).toEqual([]);
  });

  it('gives the command’s image for the same seed, and a file that the command can repeat', async () => {
    const { page } = visit;
    const seen = await pixelsOf(page, /seed 1$/);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe('a-smiling-cat-3d-style-1.png');
    const path = join(folder, 'page.png');
    await file.saveAs(path);
    const bytes = await readFile(path);
    const image = decodePng(bytes);
    expect([...image.data]).toEqual(seen.data);
    expect(JSON.parse(readPngText(bytes).muse!)).toMatchObject({ seed: 1, device: 'wasm', settings: { numSteps: 2 } });
    const again = join(folder, 'again.png');
    const args = ['generate', '--from', path, '--device', 'wasm', '--output', again, '--quiet', '--no-picture'];
    await promisify(execFile)(process.execPath, [cli, ...args]);
    expect(decodePng(await readFile(again))).toEqual(image);
  });

  it('scrubs back to the steps, and shows tokens, certainty and attention', async () => {
    const { page } = visit;
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('0');
    await page.getByText(/step 1 of 2, \d+ open/).waitFor();
    await page.locator('summary', { hasText: 'Under the hood' }).click();
    const cells = page.getByRole('grid', { name: 'Tokens' }).getByRole('button');
    await cells.first().waitFor();
    expect(await cells.count()).toBe(64);
    await cells.nth(3).focus();
    await page.keyboard.press('ArrowDown');
    await page.getByText(/^Row 2, column 4: /).waitFor();
    await page.locator('.attention[aria-busy=false]').waitFor();
    expect(await page.locator('.word').allInnerTexts()).toHaveLength(7);
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('2');
  });

  it('is without violations by axe, in light and dark', async () => {
    await expectAccessible(visit.page);
    await visit.page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(visit.page);
    await visit.page.emulateMedia({ colorScheme: 'light' });
  });

  it('paints over a part and leaves the rest, to the bit', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Work on it' }).click();
    const mask = page.locator('canvas.mask');
    await mask.scrollIntoViewIfNeeded();
    const box = (await mask.boundingBox())!;
    await page.mouse.move(box.x + 0.55 * box.width, box.y + 0.55 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.8 * box.width, box.y + 0.7 * box.height, { steps: 4 });
    await page.mouse.up();
    const painted = await mask.evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 3] !== 0);
    });
    expect(painted.filter(Boolean).length).toBeGreaterThan(50);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Paint over the part to change.').waitFor();
    await page.getByRole('button', { name: 'Redo' }).click();
    const before = await pixelsOf(page, 'The image to paint over');
    await page.getByLabel('Prompt').fill('a dog, flat style');
    await make().click();
    await done(/a dog, flat style, seed 1/);
    const after = await pixelsOf(page, /a dog, flat style, seed 1/);
    const changed = painted.map(
      (_, i) => before.data.slice(4 * i, 4 * i + 3).join() !== after.data.slice(4 * i, 4 * i + 3).join(),
    );
    expect(changed.some(Boolean)).toBe(true);
    expect(changed.filter((isChanged, i) => isChanged && !painted[i])).toEqual([]);
    await page.getByRole('slider', { name: 'Before and after' }).fill('50');
  });

  it('repeats an edit by its link, image and mask included', async () => {
    const { page } = visit;
    const edited = await pixelsOf(page, /a dog, flat style, seed 1/);
    const link = await page.evaluate(() => location.href);
    expect(link).toContain('verb=inpaint');
    const other = await launched.visit(link, visit.context);
    await other.page
      .locator('.result')
      .getByRole('img', { name: /a dog, flat style, seed 1/ })
      .first()
      .waitFor();
    expect(await pixelsOf(other.page, /a dog, flat style, seed 1/)).toEqual(edited);
    await other.page.close();
  });

  it('extends an image by its edges', async () => {
    const { page } = visit;
    await page.getByText('Extend').click();
    const handle = page.getByRole('slider', { name: 'Grow to the right, in pixels' });
    await handle.focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
    expect(await handle.getAttribute('aria-valuenow')).toBe('24');
    const before = await pixelsOf(page, 'The image to grow');
    await make().click();
    await page.locator('.facts', { hasText: '88 × 64' }).waitFor();
    const after = await pixelsOf(page, /a dog, flat style, seed 1/);
    expect(after.width).toBe(88);
    for (const y of [0, 31, 63]) {
      expect(after.data.slice(4 * 88 * y, 4 * (88 * y + 64))).toEqual(before.data.slice(4 * 64 * y, 4 * 64 * (y + 1)));
    }
  });

  it('changes and varies without a mask', async () => {
    const { page } = visit;
    await page.goto(`${server.url}#prompt=a+dog&seed=2&verb=variations&strength=0.3&count=2`);
    await page.getByText('Vary', { exact: true }).click();
    await page.getByRole('button', { name: 'Use the last result' }).click();
    await make().click();
    await done(/a dog, seed 3/);
    expect(await page.locator('.history button').count()).toBe(5);
    await page.getByText('Change', { exact: true }).click();
    await page.locator('summary', { hasText: 'Settings' }).click();
    await page.getByRole('spinbutton', { name: 'Iterations' }).fill('4');
    await make().click();
    await expect.poll(() => page.locator('.history button').count(), { timeout: 60_000 }).toBe(6);
  });

  it('cancels within a step, and nothing is lost', async () => {
    const { page } = visit;
    const count = await page.locator('.history button').count();
    await page.getByText('Generate', { exact: true }).click();
    await page.getByRole('spinbutton', { name: 'Steps' }).fill('60');
    await make().click();
    await expectSaid(page, /step \d+ of 60/);
    const began = Date.now();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await make().waitFor();
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(await page.locator('.history button').count()).toBe(count);
    expect(await page.getByLabel('Prompt').inputValue()).toBe('a dog');
  });

  it('works offline once it was opened, the address says what', async () => {
    const { page, context } = visit;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    const isKept = async () => {
      const name = (await caches.keys()).find((key) => key.startsWith('muse-page-'));
      const kept = name ? await (await caches.open(name)).keys() : [];
      return (
        kept.some(({ url }) => url.includes('museWorker')) && kept.some(({ url }) => url.includes('threaded-simd'))
      );
    };
    await expect.poll(() => page.evaluate(isKept), { timeout: 60_000 }).toBe(true);
    await context.setOffline(true);
    await page.goto(`${server.url}${fast()}`);
    await page.reload();
    await done();
    await context.setOffline(false);
    expect(visit.errors.filter((text) => !/ERR_INTERNET_DISCONNECTED/.test(text))).toEqual([]);
  });

  it('can be worked by the keyboard alone', async () => {
    const { page } = visit;
    await page.goto(`${server.url}${fast('&x')}`);
    await page.reload();
    await done();
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement as HTMLInputElement;
        return element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
      });
    const tabTo = async (name: RegExp) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press('Tab');
        if (name.test((await focused()) ?? '')) return;
      }
      throw new Error(`no ${name} by Tab`);
    };
    await tabTo(/^Prompt/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('a fish');
    await page.keyboard.press('Enter');
    await done(/a fish, seed 1/);
    await tabTo(/^Step$/);
    await page.keyboard.press('Home');
    await page.getByText(/step 1 of 2, /).waitFor();
    await tabTo(/Link/);
    await page.keyboard.press('Enter');
    await page.getByText('Link copied.').first().waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('prompt=a+fish');
  });

  it('says what to do when something is wrong, and keeps what there is', async () => {
    const { page } = visit;
    const files = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') };
    await page.getByText('Paint over', { exact: true }).click();
    await page.getByLabel('Image file').setInputFiles(files);
    await page.getByRole('alert').getByText('Open a PNG, JPEG, WebP, GIF or AVIF file.').waitFor();
    await page.getByText('Generate', { exact: true }).click();
    await page.getByLabel('Prompt').fill('ひ');
    await make().click();
    await page
      .getByRole('alert')
      .getByText(/leave them out/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Emoji scenes (bundled)' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Model folder').setInputFiles(join(dist, 'assets'));
    await dialog.getByText('These files are no model that can be used.').waitFor();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    expect(await page.locator('.history button').count()).toBe(2);
  });

  it('shows both stages of a model from disk side by side', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Emoji scenes (bundled)' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Model folder').setInputFiles(join(folder, 'cascade'));
    await dialog.getByText(/^tiny-cascade, Apache-2.0; needs .* fits this device$/).waitFor();
    await dialog.getByRole('button', { name: 'Load cascade' }).click();
    await page.getByLabel('Prompt').fill('a red cat');
    await page.locator('.model-line', { hasText: 'in use' }).waitFor();
    await make().click();
    await page.getByText('First stage, 16 × 16; above, the second, 32 × 32').waitFor();
    const base = await pixelsOf(page, /a red cat, seed 1, first stage alone/);
    expect(base.width).toBe(16);
  });

  it('has no sideways scrolling from 360 pixels to 4K', async () => {
    const { page } = visit;
    for (const width of [360, 800, 1280, 3840]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), `${width}`).toBe(width);
    }
  });
});

it('the built page lists everything it needs for offline use', async () => {
  const worker = await readFile(join(dist, 'sw.js'), 'utf8');
  const [shell, rest] = ['SHELL', 'REST'].map(
    (name) => JSON.parse(worker.match(new RegExp(`${name} = (\\[.*\\]);`))![1]!) as string[],
  );
  const listed = [...shell!, ...rest!];
  expect(shell!.some((file) => file.includes('museWorker'))).toBe(false);
  for (const file of readdirSync(join(dist, 'assets'))) expect(listed).toContain(`assets/${file}`);
  expect(listed.some((file) => file.startsWith('models/'))).toBe(false);
});
