import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodePng, readPngText } from '@muse/muse';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeInBrowser,
  expectAccessible,
  expectSaid,
  mainThreadTasks,
  notes,
  pixelsOf,
  type Visit,
} from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const cli = join(dirname(createRequire(import.meta.url).resolve('@muse/cli/package.json')), 'dist/muse.js');
/** Few steps: the machinery is what is tested. */
const fast = (more = '') =>
  `#prompt=a+smiling+cat%2C+3D+style&seed=1&sampling=%7B%22numSteps%22%3A2%7D&superRes=false${more}`;

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-playground-'));
  server = await serve(dist);
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
    expect(await page.getByText('Loads the model first: 47.').count()).toBe(1);
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
    const tasks = await mainThreadTasks(launched.browser!, page, async () => {
      await make().click();
      await done();
    });
    expect(tasks.length).toBeGreaterThan(100);
    expect(Math.max(...tasks)).toBeLessThan(50);
    await expectSaid(page, /\d+\.\d MB of 47\.\d MB/);
    await expectSaid(page, /step 1 of 2 · \d+ tokens open/);
    // By the live region.
    for (const said of [/^Loading the model/m, /^Image 1 of 1 is done, seed 1/m]) await expectSaid(page, said);
    await expectSaid(page, /Computed by WebAssembly, on the processor/);
    const { longTasks, shift } = await notes(page);
    expect(shift).toBeLessThan(0.02);
    const held = longTasks.filter(({ start }) => start > began).map(({ duration }) => duration);
    // By the clock there is the noise of a shared machine; on a busy one every task takes longer.
    const busyness = Math.max(1, loadavg()[0]! / availableParallelism());
    expect(Math.max(0, ...held)).toBeLessThan(100 * busyness);
    expect(visit.errors).toEqual([]);
  });

  it('makes one of the examples by a click, and several images, each the same as alone', async () => {
    const { page, context } = visit;
    const other = await launched.visit(`${server.url}${fast()}`, context);
    const images = other.page.locator('.history button');
    // The model is here: the link makes its image unasked.
    await images.first().waitFor();
    await other.page.getByLabel('Images').selectOption('3');
    await other.page.getByRole('button', { name: 'two red apples, flat style, on a blue background' }).click();
    await expect.poll(() => images.count(), { timeout: 120_000 }).toBe(4);
    const names = await images.evaluateAll((all) => all.map((element) => element.getAttribute('aria-label')));
    const apples = 'two red apples, flat style, on a blue background, seed';
    expect(names.slice(0, 3)).toEqual([3, 2, 1].map((seed) => `${apples} ${seed}`));
    const together = await pixelsOf(other.page, `${apples} 3`);
    await other.page.getByLabel('Images').selectOption('1');
    await other.page.getByRole('spinbutton', { name: 'Seed' }).fill('3');
    await other.page.getByRole('button', { name: 'Make it' }).click();
    await expect.poll(() => images.count(), { timeout: 60_000 }).toBe(5);
    expect(await pixelsOf(other.page, `${apples} 3`)).toEqual(together);
    expect(other.errors).toEqual([]);
    await other.page.close();
    await page.bringToFront();
  });

  it('keeps a seed that is locked, and takes others by dice and when it is not', async () => {
    const { page } = visit;
    const seed = page.getByRole('spinbutton', { name: 'Seed' });
    const lock = page.getByRole('button', { name: 'Keep this seed' });
    expect(await lock.getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('button', { name: 'Another seed' }).click();
    const diced = await seed.inputValue();
    expect(diced).not.toBe('1');
    await make().click();
    await done(new RegExp(`seed ${diced}$`));
    await lock.click();
    await make().click();
    await expect.poll(() => page.locator('.history button').count(), { timeout: 60_000 }).toBe(3);
    expect(await seed.inputValue()).not.toBe(diced);
    await seed.fill('1');
    await page.locator('.history button').last().click();
    await done();
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

  it('scrubs back to the steps, and plays them', async () => {
    const { page } = visit;
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('0');
    const said = await page.getByText(/step 1 of 2, \d+ open/).textContent();
    const numOpen = Number(/(\d+) open/.exec(said!)![1]);
    expect(numOpen).toBeGreaterThan(0);
    // A tile of the veil over each token that is open.
    expect(await openTiles(page)).toEqual({ numTokens: 64, numOpen });
    await page.getByRole('button', { name: 'Play the steps' }).click();
    await page.getByText('finished', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Play the steps' }).waitFor();
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('0');
  });

  it('shows tokens, certainty and attention', async () => {
    const { page } = visit;
    await page.locator('summary', { hasText: 'Under the hood' }).click();
    const cells = page.getByRole('grid', { name: 'Tokens' }).getByRole('button');
    await cells.first().waitFor();
    expect(await cells.count()).toBe(64);
    await cells.nth(3).focus();
    await page.keyboard.press('ArrowDown');
    await page.getByText(/^Row 2, column 4: /).waitFor();
    // By the pointer alone: ids are in the cells, and more of one in the words below.
    await cells.nth(8).scrollIntoViewIfNeeded();
    await cells.nth(8).hover();
    await cells.nth(9).hover();
    const known = await cells.nth(9).textContent();
    const words =
      known === '·' ? /^Row 2, column 2: open; the guess is \d+, \d+ % sure$/ : `token ${known}, decided in step 1`;
    await page.locator('.token-grid figcaption', { hasText: words }).waitFor();
    await page.getByText(/^Step 1: \d+ tokens open \(area\); of those decided the model is \d+ % sure/).waitFor();
    expect((await page.locator('.curve polyline').getAttribute('points'))!.split(' ')).toHaveLength(2);
    await page.locator('.attention[aria-busy=false]').waitFor();
    expect(await page.locator('.word').allInnerTexts()).toHaveLength(7);
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('2');
  });

  it('paints over a part and leaves the rest, to the bit', async () => {
    const { page } = visit;
    await page.getByRole('button', { name: 'Work on it' }).click();
    await drag(page, [0.55, 0.55], [0.8, 0.7]);
    const painted = await paintedOf(page);
    expect(painted.filter(Boolean).length).toBeGreaterThan(50);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Paint over the part to change.').waitFor();
    await page.getByRole('button', { name: 'Redo' }).click();
    await boxAndEraser(page);
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
    await page.getByRole('slider', { name: 'Before and after' }).fill('25');
    expect(await page.locator('.before').evaluate(({ style }) => style.clipPath)).toBe('inset(0px 75% 0px 0px)');
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
    const top = page.getByRole('slider', { name: 'Grow to the top, in pixels' });
    const [grip, frame] = [(await top.boundingBox())!, (await page.locator('.grown').boundingBox())!];
    await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
    await page.mouse.down();
    // 88 pixels are as wide as the frame.
    await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2 - (16 * frame.width) / 88, { steps: 3 });
    await page.mouse.up();
    expect(Math.abs(Number(await top.getAttribute('aria-valuenow')) - 16)).toBeLessThanOrEqual(8);
    await page.getByRole('spinbutton', { name: 'top' }).fill('0');
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
    expect(await page.locator('.history button').count()).toBe(7);
    await page.getByText('Change', { exact: true }).click();
    await page.locator('summary', { hasText: 'Settings' }).click();
    await page.getByRole('spinbutton', { name: 'Iterations' }).fill('4');
    await make().click();
    await expect.poll(() => page.locator('.history button').count(), { timeout: 60_000 }).toBe(8);
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
    expect(await page.locator('.history button').count()).toBe(1);
  });
});

/** On the mask, in shares of its sides. */
async function drag(page: Page, from: [x: number, y: number], to: [x: number, y: number]): Promise<void> {
  const mask = page.locator('canvas.mask');
  await mask.scrollIntoViewIfNeeded();
  const box = (await mask.boundingBox())!;
  await page.mouse.move(box.x + from[0] * box.width, box.y + from[1] * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + to[0] * box.width, box.y + to[1] * box.height, { steps: 4 });
  await page.mouse.up();
}

/** Tiles of the veil over a partial decode. */
function openTiles(page: Page): Promise<{ numTokens: number; numOpen: number }> {
  return page.locator('canvas.veil').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const cell = 24;
    const [w, h] = [canvas.width / cell, canvas.height / cell];
    const context = canvas.getContext('2d')!;
    const isOpen = Array.from({ length: w * h }, (_, i) => {
      const [x, y] = [(i % w) * cell + cell / 2, Math.floor(i / w) * cell + cell / 2];
      return context.getImageData(x, y, 1, 1).data[3] !== 0;
    });
    return { numTokens: w * h, numOpen: isOpen.filter(Boolean).length };
  });
}

/** Which pixels the mask covers. */
function paintedOf(page: Page): Promise<boolean[]> {
  return page.locator('canvas.mask').evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 3] !== 0);
  });
}

/** Adds a box, wipes some of it off, and takes all that back by the keyboard. */
async function boxAndEraser(page: Page): Promise<void> {
  const count = async () => (await paintedOf(page)).filter(Boolean).length;
  const first = await count();
  await page.getByRole('button', { name: 'Clear' }).click();
  expect(await count()).toBe(0);
  await page.getByRole('button', { name: 'Box', exact: true }).click();
  await drag(page, [0.01, 0.01], [0.49, 0.24]);
  expect(await count()).toBe(32 * 16);
  await page.getByRole('button', { name: 'Eraser' }).click();
  await drag(page, [0.1, 0.1], [0.3, 0.1]);
  expect(await count()).toBeLessThan(32 * 16);
  for (let i = 0; i < 3; i++) await page.keyboard.press('Control+z');
  expect(await count()).toBe(first);
}

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
