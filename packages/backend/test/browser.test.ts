import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  buildPage,
  describeInBrowser,
  type Page,
  type StaticServer,
  serve,
  softwareGpu,
} from '@muse/test-utils/browser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conformanceCases } from './conformanceCases.js';
import { goldenPaths, readGoldens } from './goldenFiles.js';
import type { ConformancePage } from './page.js';

/** In the page. */
declare const conformance: ConformancePage;

const inPackage = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const require = createRequire(import.meta.url);
const wasmFolder = join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist');
/** Threads of WebAssembly are for pages that are isolated. */
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const goldens = readGoldens();

describeInBrowser('conformance in Chromium', softwareGpu, (browser) => {
  let folder: string;
  let server: StaticServer;
  beforeAll(async () => {
    folder = await buildPage({
      html: inPackage('test/page.html'),
      // As package.json tells bundlers of the built package.
      alias: [{ find: /^.*\/platform\/node\.js$/, replacement: inPackage('src/devices/platform/browser.ts') }],
      files: [goldenPaths.json, goldenPaths.safetensors, join(wasmFolder, 'tfjs-backend-wasm-simd.wasm')],
    });
    server = await serve(folder, isolated);
  }, 300_000);
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('keeps measurements of tiles in the cache of the page', async () => {
    const page = await browser().newPage();
    await page.goto(`${server.url}page.html`);
    const text = await page.evaluate(() => conformance.tune());
    const { tiles } = JSON.parse(text!) as { tiles: Record<string, string> };
    expect(Object.keys(tiles)).toEqual(['matrix1_1__1__false 67×29×21×1']);
    expect(Object.values(tiles)[0]).toMatch(/^\d+x\d+$/);
    await page.close();
  });

  const devices = [
    ['webgpu', /swiftshader/i],
    ['wasm', /^WebAssembly, SIMD/],
  ] as const;
  for (const [device, expected] of devices) {
    describe(`on ${device}`, () => {
      let page: Page;
      let description: string;
      beforeAll(async () => {
        page = await browser().newPage();
        const errors: Error[] = [];
        page.on('pageerror', (error) => errors.push(error));
        await page.goto(`${server.url}page.html`);
        expect(errors).toEqual([]);
        description = await page.evaluate((name) => conformance.start(name), device);
      });
      afterAll(() => page.close());

      it('is the device that is meant', () => expect(description).toMatch(expected));
      for (const { name } of conformanceCases(device, goldens)) {
        it(name, async ({ skip }) => {
          const missing = await page.evaluate((one) => conformance.run(one), name);
          if (missing) skip(missing);
        });
      }
    });
  }
});
