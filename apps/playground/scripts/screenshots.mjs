// Pictures of the built page, to be looked at: every state in four sizes, light and dark, into reports/screenshots.
//
//   npm run screenshots [-- state …]        states: the names below; none: all
//
// WebAssembly computes, so that no GPU is needed. MUSE_CHROMIUM names another browser.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'reports/screenshots');

const sizes = [
  { name: 'phone', width: 360, height: 740, deviceScaleFactor: 2 },
  { name: 'tablet', width: 820, height: 1180, deviceScaleFactor: 1 },
  { name: 'desktop', width: 1440, height: 900, deviceScaleFactor: 1 },
  { name: '4k', width: 3840, height: 2160, deviceScaleFactor: 1 },
];

const button = (page, name) => page.getByRole('button', { name, exact: true });
const verb = (page, name) => page.locator('.verbs').getByText(name, { exact: true }).click();
const make = (page) => button(page, 'Make it').click();
const done = (page, count) =>
  page
    .locator('.history button')
    .nth(count - 1)
    .waitFor();
const setting = (page, name) => page.getByRole('spinbutton', { name, exact: true });
const dismiss = async (page) => {
  while (await button(page, 'Dismiss').count()) await button(page, 'Dismiss').first().click();
};
const closeDialog = (page) => page.keyboard.press('Escape');
const toggle = (page, summary) => page.locator('summary', { hasText: summary }).click();
const drag = async (page, from, to) => {
  const box = await page.locator('canvas.mask').boundingBox();
  const place = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...place(from));
  await page.mouse.down();
  await page.mouse.move(...place(to), { steps: 8 });
  await page.mouse.up();
};

/** In this order, each from where the one before it left the page; `after` tidies up. */
const states = [
  { name: 'welcome', async reach() {} },
  {
    name: 'loading',
    async reach(page) {
      // The last large file does not come: the page waits with a part of the model.
      await page.route('**/super_res_transformer/model.safetensors', () => {});
      await page.getByText('a smiling cat, 3D style').first().click();
      await page.waitForFunction(() => (document.querySelector('progress')?.value ?? 0) > 10e6);
    },
    async after(page) {
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await button(page, 'Cancel').click();
      await button(page, 'Make it').waitFor();
    },
  },
  {
    name: 'result',
    async reach(page) {
      await setting(page, 'Seed').fill('1');
      await make(page);
      await done(page, 1);
    },
  },
  { name: 'notice', async reach() {}, after: dismiss },
  {
    name: 'step',
    async reach(page) {
      await page.getByRole('slider', { name: 'Step', exact: true }).fill('6');
    },
  },
  {
    name: 'hood',
    async reach(page) {
      await toggle(page, 'Under the hood');
      await page.locator('.attention[aria-busy=false]').waitFor();
      await page.getByRole('grid', { name: 'Tokens' }).getByRole('button').nth(27).click();
    },
  },
  {
    name: 'hood-fine',
    async reach(page) {
      await page.getByRole('slider', { name: 'Step', exact: true }).fill('15');
      await page.getByRole('grid', { name: 'Tokens' }).getByRole('button').nth(120).click();
    },
    async after(page) {
      await toggle(page, 'Under the hood');
    },
  },
  {
    name: 'settings',
    async reach(page) {
      await toggle(page, 'Settings');
      await page.getByLabel('Without').fill('a dog');
      await setting(page, 'Steps').fill('8');
    },
    async after(page) {
      await button(page, 'Back to the model’s own').click();
      await toggle(page, 'Settings');
    },
  },
  {
    name: 'working',
    async reach(page) {
      await toggle(page, 'Settings');
      await setting(page, 'Steps').fill('64');
      await toggle(page, 'Settings');
      await page.getByLabel('Prompt').fill('a rocket, Noto style, on a purple background');
      await make(page);
      await page.getByText(/^step 2\d of 64/).waitFor();
    },
    async after(page) {
      await button(page, 'Cancel').click();
      await button(page, 'Make it').waitFor();
    },
  },
  {
    name: 'working-many',
    async reach(page) {
      await page.getByLabel('Images').selectOption('8');
      await make(page);
      await page.getByText(/^Image 1 of 8 · step \d\d of 64/).waitFor();
    },
    async after(page) {
      await button(page, 'Cancel').click();
      await button(page, 'Make it').waitFor();
    },
  },
  {
    name: 'history',
    async reach(page) {
      await toggle(page, 'Settings');
      await button(page, 'Back to the model’s own').click();
      await setting(page, 'Steps').fill('4');
      await toggle(page, 'Settings');
      await setting(page, 'Seed').fill('2');
      await make(page);
      await done(page, 9);
      await page.getByLabel('Images').selectOption('1');
    },
  },
  {
    name: 'problem',
    async reach(page) {
      await page.getByLabel('Prompt').fill('ひ');
      await make(page);
      await page.getByRole('alert').waitFor();
      await page.getByRole('alert').locator('summary').click();
    },
    async after(page) {
      await page.getByLabel('Prompt').fill('a red car, 3D style');
      await dismiss(page);
    },
  },
  {
    name: 'mask',
    async reach(page) {
      await button(page, 'Work on it').click();
      await drag(page, [0.25, 0.3], [0.7, 0.45]);
      await drag(page, [0.3, 0.6], [0.6, 0.6]);
      await toggle(page, 'A box by numbers');
    },
    after: (page) => toggle(page, 'A box by numbers'),
  },
  {
    name: 'before-after',
    async reach(page) {
      await make(page);
      await done(page, 10);
      await page.getByRole('slider', { name: 'Before and after' }).fill('40');
    },
  },
  {
    name: 'outpaint',
    async reach(page) {
      await verb(page, 'Extend');
      await page.getByRole('spinbutton', { name: 'right' }).fill('48');
      await page.getByRole('spinbutton', { name: 'top' }).fill('16');
    },
  },
  {
    name: 'outpainted',
    async reach(page) {
      await make(page);
      await done(page, 11);
    },
  },
  {
    name: 'change',
    async reach(page) {
      await verb(page, 'Change');
      await toggle(page, 'Settings');
    },
    after: (page) => toggle(page, 'Settings'),
  },
  {
    name: 'vary',
    async reach(page) {
      await verb(page, 'Vary');
      await page.getByLabel('Images').selectOption('3');
      await make(page);
      await done(page, 14);
    },
  },
  {
    name: 'models',
    async reach(page) {
      await page.locator('.model-button').click();
    },
  },
  {
    name: 'models-found',
    async reach(page) {
      await page
        .getByRole('dialog')
        .getByRole('button', { name: /^Emoji scenes/ })
        .first()
        .click();
      await page.getByRole('dialog').getByRole('table').waitFor();
    },
  },
  {
    name: 'models-problem',
    async reach(page) {
      await page.route('https://huggingface.co/**', (route) => route.fulfill({ status: 401 }));
      await page.getByLabel('From the Hugging Face hub').fill('some-organisation/a-model-of-theirs');
      await button(page, 'Look').click();
      await page.getByText('The hub shows no such model.').waitFor();
    },
    after: closeDialog,
  },
  {
    name: 'empty-edit',
    async reach(page, url) {
      await page.goto('about:blank');
      await page.goto(url);
      await page.locator('.model-line', { hasText: 'in use' }).waitFor();
      await dismiss(page);
      await verb(page, 'Paint over');
    },
  },
];

async function shoot(page, name) {
  const session = await page.context().newCDPSession(page);
  for (const { name: size, ...metrics } of sizes) {
    await page.setViewportSize(metrics);
    await session.send('Emulation.setDeviceMetricsOverride', { ...metrics, mobile: false });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      // On a phone all that is to be scrolled to; else what is in the window.
      const fullPage = size === 'phone';
      await page.screenshot({ path: join(out, `${name}-${size}-${colorScheme}.png`), fullPage });
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await session.send('Emulation.clearDeviceMetricsOverride');
  await session.detach();
  await page.setViewportSize({ width: 1440, height: 900 });
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !states.some((state) => state.name === name));
if (unknown.length > 0) {
  process.stderr.write(`expected states of ${states.map(({ name }) => name).join(', ')}, got ${unknown.join(', ')}\n`);
  process.exit(2);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const server = await preview({ root, logLevel: 'error', preview: { port: 0, strictPort: false } });
const url = server.resolvedUrls.local[0];
const browser = await chromium.launch({
  executablePath: process.env.MUSE_CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(300_000);
  await page.goto(url);
  for (const { name, reach, after } of states) {
    await reach(page, url);
    if (asked.length === 0 || asked.includes(name)) await shoot(page, name);
    await after?.(page);
  }
} finally {
  await browser.close();
  await server.close();
}
