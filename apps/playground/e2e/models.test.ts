import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { writeTinyCascade } from '@muse/tiny-model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInBrowser, expectAccessible, pixelsOf, type Visit } from './browser.ts';
import { type StaticServer, serve } from './serve.ts';

const bundled = 'Emoji scenes (bundled)';

let folder: string;
let server: StaticServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-models-'));
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyCascade(backend, join(folder, 'cascade'));
  await backend.dispose();
  server = await serve(fileURLToPath(new URL('../dist', import.meta.url)));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** The cascade with a transformer of a billion weights: all but the header is a hole in the file. */
async function writeHugeModel(path: string): Promise<void> {
  await cp(join(folder, 'cascade'), path, { recursive: true });
  const file = join(path, 'transformer/model.safetensors');
  const bytes = await readFile(file);
  const size = Number(bytes.readBigUInt64LE(0));
  const tensors = JSON.parse(bytes.subarray(8, 8 + size).toString()) as Record<string, { data_offsets: number[] }>;
  const end = bytes.length - 8 - size;
  const header = { ...tensors, huge: { dtype: 'F16', shape: [2 ** 15, 2 ** 15], data_offsets: [end, end + 2 ** 31] } };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(file, Buffer.concat([length, text, bytes.subarray(8 + size)]));
  await truncate(file, 8 + text.length + end + 2 ** 31);
}

describeInBrowser('models', [], (launched) => {
  let visit: Visit;
  const make = () => visit.page.getByRole('button', { name: 'Make it' });
  const choose = async (current: string) => {
    await visit.page.getByRole('button', { name: current, exact: true }).click();
    return visit.page.getByRole('dialog');
  };

  it('one from disk is loaded, its size and whether it fits said before', async () => {
    visit = await launched.visit(`${server.url}#prompt=a+red+cat&seed=1`);
    const { page } = visit;
    const dialog = await choose(bundled);
    await dialog.getByLabel('Model folder').setInputFiles(join(folder, 'cascade'));
    await dialog.getByText(/^tiny-cascade, Apache-2.0; needs .* fits this device$/).waitFor();
    await dialog.getByRole('button', { name: 'Load cascade' }).click();
    await page.locator('.model-line', { hasText: 'in use' }).waitFor();
    await make().click();
    await page.getByText('Second stage, 32 × 32').waitFor();
  });

  it('both stages of one are seen side by side, and at each step', async () => {
    const { page } = visit;
    await page.getByText('First stage, 16 × 16').waitFor();
    const [base, fine] = [/a red cat, seed 1, first stage alone/, /a red cat, seed 1$/];
    expect((await pixelsOf(page, base)).width).toBe(16);
    expect((await pixelsOf(page, fine)).width).toBe(32);
    const places = await Promise.all([base, fine].map((name) => page.getByRole('img', { name }).first().boundingBox()));
    expect(places[0]).toMatchObject({ y: places[1]!.y, width: places[1]!.width });
    expect(places[0]!.x).toBeLessThan(places[1]!.x);
    expect(await page.locator('.facts').textContent()).toMatch(/\(\d+ ms \+ \d+ ms\)$/);
    await page.locator('summary', { hasText: 'Under the hood' }).click();
    // The second stage's last step: attention is that of the token below.
    await page.locator('.attention[aria-busy=false]').waitFor();
    expect(await page.getByRole('grid', { name: 'Tokens' }).getByRole('button').count()).toBe(256);
    await page.getByRole('slider', { name: 'Step', exact: true }).fill('0');
    await page.getByRole('img', { name: 'Step 1 of 5' }).waitFor();
    expect(await page.getByRole('grid', { name: 'Tokens' }).getByRole('button').count()).toBe(64);
    await expectAccessible(page);
  });

  it('one that is too large for the memory is told before and when it is loaded, and nothing is lost', async () => {
    const { page } = visit;
    const results = await page.locator('.history button').count();
    await writeHugeModel(join(folder, 'huge'));
    const dialog = await choose('cascade');
    await dialog.getByLabel('Computed by').selectOption('wasm');
    await dialog.getByLabel('Model folder').setInputFiles(join(folder, 'huge'));
    await dialog.getByText(/needs \d+\.\d GB of memory, more than WebAssembly can address$/).waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Load huge' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('There is not enough memory.').waitFor();
    await alert.getByText(/choose a smaller model/).waitFor();
    expect(await page.locator('.history button').count()).toBe(results);
    expect(await page.getByLabel('Prompt').inputValue()).toBe('a red cat');
    const again = await choose('huge');
    await again.getByLabel('Model folder').setInputFiles(join(folder, 'cascade'));
    await again.getByRole('button', { name: 'Load cascade' }).click();
    await page.locator('.model-line', { hasText: 'in use' }).waitFor();
    await alert.waitFor({ state: 'detached' });
  });

  it('a folder of aMUSEd in the layout of diffusers is read as it stands', async () => {
    const { page } = visit;
    const dialog = await choose('cascade');
    await dialog.getByLabel('Model folder').setInputFiles(fixturePath('amused/amused-tiny'));
    await dialog.getByText(/needs .* fits this device$/).waitFor();
    await dialog.getByRole('button', { name: 'Load amused-tiny' }).click();
    await page.getByText('The model that made this image is not loaded').waitFor();
    await make().click();
    await page.locator('.history button').nth(1).waitFor();
    await page.getByText('This model does not let its attention be looked at.').waitFor();
    // No link can name a folder.
    expect(await page.evaluate(() => location.hash)).toBe('');
    expect(visit.errors).toEqual([]);
  });
});
