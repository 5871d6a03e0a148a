import { exec, execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodePng, encodePng } from '@muse/muse';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, pixelsOf, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

const cli = join(dirname(createRequire(import.meta.url).resolve('@muse/cli/package.json')), 'dist/muse.js');

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  // Inside the workspace, so that copied code finds its packages.
  folder = await mkdtemp(fileURLToPath(new URL('../node_modules/.take-away-', import.meta.url)));
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

describeInBrowser('what is taken away', [], (launched) => {
  let visit: Visit;
  const press = (name: string) => visit.page.getByRole('button', { name, exact: true }).click();
  const copied = async (what: string) => {
    await press(what);
    await visit.page
      .getByText(new RegExp(`^${what} copied\\.`))
      .first()
      .waitFor();
    return visit.page.evaluate(() => navigator.clipboard.readText());
  };
  /** Pixels of what the copied code makes, and of what the copied command makes. */
  const remade = async () => {
    await writeFile(join(folder, 'copied.mjs'), await copied('Code'));
    await promisify(execFile)(process.execPath, ['copied.mjs'], { cwd: folder });
    const command = (await copied('Command')).replace(/^npx @muse\/cli/, `"${process.execPath}" "${cli}"`);
    await promisify(exec)(`${command} --output command.png --force --quiet --no-picture`, { cwd: folder });
    const read = async (name: string) => [...decodePng(await readFile(join(folder, name))).data];
    return { code: await read('result.png'), command: await read('command.png') };
  };

  it('every setting of the form is in the image, the link, the code and the command', async () => {
    visit = await launched.visit(`${server.url}#prompt=a+dog%2C+flat+style&seed=3`);
    const { page } = visit;
    await page.locator('summary', { hasText: 'Settings' }).click();
    await page.getByLabel('Without').fill('a cat');
    for (const [name, value] of [
      ['Steps', '2'],
      ['Guidance', '1.5'],
      ['Token temperature', '0.8'],
      ['Order temperature', '1.5'],
    ]) {
      await page.getByRole('spinbutton', { name, exact: true }).fill(value!);
    }
    await page.getByLabel('Order', { exact: true }).selectOption('Spread out (Halton)');
    await page.getByLabel('Guidance over the steps').selectOption('Constant');
    await press('Make it');
    const { data } = await pixelsOf(page, /a dog, flat style, seed 3$/);
    const link = new URLSearchParams(await page.evaluate(() => location.hash.slice(1)));
    expect(link.get('negative')).toBe('a cat');
    expect(JSON.parse(link.get('sampling')!)).toEqual({
      numSteps: 2,
      guidanceScale: 1.5,
      sampleTemperature: 0.8,
      choiceTemperature: [1.5, 0],
      order: 'halton',
      guidanceSchedule: 'constant',
    });
    const { code, command } = await remade();
    expect(code).toEqual(data);
    expect(command).toEqual(data);
    await press('Back to the model’s own');
    expect(await page.getByRole('spinbutton', { name: 'Guidance', exact: true }).inputValue()).toBe('');
  });

  it('an image that is copied can be pasted to be worked on, to the bit', async () => {
    const { page } = visit;
    await press('Copy image');
    await page.getByText('Image copied.').first().waitFor();
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('Control+v');
    expect(await pixelsOf(page, 'The image to paint over')).toEqual(await pixelsOf(page, /a dog, flat style, seed 3$/));
  });

  it('code and command of an edit, with its input, make the same image', async () => {
    const { page } = visit;
    await page.getByText('A box by numbers').click();
    await press('Add');
    await press('Make it');
    await page.locator('.before-after').waitFor();
    const { data } = await pixelsOf(page, /a dog, flat style, seed 3$/);
    const names: string[] = [];
    const saved = new Promise<void>((resolve) => {
      page.on('download', async (file) => {
        await file.saveAs(join(folder, file.suggestedFilename()));
        names.push(file.suggestedFilename());
        if (names.length === 2) resolve();
      });
    });
    await press('Its input');
    await saved;
    expect(names.sort()).toEqual(['image.png', 'mask.png']);
    const { code, command } = await remade();
    expect(code).toEqual(data);
    expect(command).toEqual(data);
    expect(visit.errors).toEqual([]);
  });

  it('takes an image that is opened, or dropped on the page', async () => {
    const { page } = visit;
    const image = {
      width: 7,
      height: 3,
      data: new Uint8ClampedArray(7 * 3 * 4).map((_, i) => (i % 4 === 3 ? 255 : 11 * i)),
    };
    const buffer = Buffer.from(encodePng(image));
    await page.getByLabel('Image file').setInputFiles({ name: 'seven.png', mimeType: 'image/png', buffer });
    await expect.poll(async () => (await pixelsOf(page, 'The image to paint over')).data).toEqual([...image.data]);
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(5, 3);
      canvas.getContext('2d')!.fillRect(0, 0, 5, 3);
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([await canvas.convertToBlob()], 'black.png', { type: 'image/png' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    });
    await expect.poll(async () => (await pixelsOf(page, 'The image to paint over')).width).toBe(5);
  });
});
