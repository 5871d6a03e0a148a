import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';

/** Debian's Chromium, or the browser that is named. */
const executablePath = process.env.MUSE_CHROMIUM ?? '/usr/bin/chromium';

/** WebGPU on the processor: headless Chromium has no other adapter. */
export const softwareGpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/**
 * A suite in a real browser. Without one it is skipped, but where all devices are required.
 *
 * @param args of the command line
 * @param suite is given the browser, to be called inside tests and hooks only
 */
export function describeInBrowser(
  name: string,
  args: readonly string[],
  suite: (browser: () => Browser) => void,
): void {
  const isThere = existsSync(executablePath);
  if (!isThere && process.env.MUSE_REQUIRE_DEVICES) throw new Error(`no Chromium at ${executablePath}`);
  describe.skipIf(!isThere)(isThere ? name : `${name} (skipped: no Chromium at ${executablePath})`, () => {
    let browser: Browser | undefined;
    beforeAll(async () => {
      // Root, as in CI, has no sandbox.
      const noSandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
      browser = await chromium.launch({ executablePath, args: [...noSandbox, ...args] });
    });
    afterAll(() => browser?.close());
    suite(() => browser!);
  });
}
