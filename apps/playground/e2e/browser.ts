import { describeInBrowser as describeBrowser } from '@muse/test-utils/browser';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

export { softwareGpu } from '@muse/test-utils/browser';

/** A suite in a real browser, whose visitors' pages are watched. */
export function describeInBrowser(name: string, args: readonly string[], suite: (launched: Launched) => void): void {
  describeBrowser(name, args, (browser) => suite(new Launched(browser)));
}

export class Launched {
  readonly #browser: () => Browser;

  constructor(browser: () => Browser) {
    this.#browser = browser;
  }

  /** Inside tests and hooks only. */
  get browser(): Browser {
    return this.#browser();
  }

  /** A visitor: nothing cached. Errors in the page fail the test that looks at them. */
  async visit(url: string, context?: BrowserContext): Promise<Visit> {
    const own = context ?? (await this.browser.newContext({ viewport: { width: 1280, height: 900 } }));
    await own.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await own.newPage();
    page.setDefaultTimeout(240_000);
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.addInitScript(watchPage);
    await page.goto(url);
    return { page, context: own, errors };
  }
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly errors: string[];
}

/** In the page: notes how long its main thread was held, how far things moved unasked, and what was to be read on the way. */
function watchPage(): void {
  const noted: Notes = { longTasks: [], shift: 0, said: [] };
  (globalThis as unknown as { noted: typeof noted }).noted = noted;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) noted.longTasks.push({ start: startTime, duration });
  }).observe({ type: 'longtask', buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
      if (!entry.hadRecentInput) noted.shift += entry.value;
    }
  }).observe({ type: 'layout-shift', buffered: true });
  new MutationObserver(() => {
    for (const element of document.querySelectorAll('.progress-line, .message, [role=status]')) {
      const text = element.textContent ?? '';
      if (!noted.said.includes(text)) noted.said.push(text);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

interface Notes {
  readonly longTasks: { start: number; duration: number }[];
  shift: number;
  /** Progress, messages and the live region, which may be gone before a test looks. */
  readonly said: string[];
}

/** Waits until the page has said something, however short it stood there. */
export async function expectSaid(page: Page, text: RegExp): Promise<void> {
  await expect.poll(async () => (await notes(page)).said.join('\n'), { timeout: 240_000 }).toMatch(text);
}

/**
 * Tasks of pages' main threads while something is done: processor time of each, in ms. What other programs take on a busy machine
 * is not in it.
 */
export async function mainThreadTasks(browser: Browser, page: Page, action: () => Promise<void>): Promise<number[]> {
  await browser.startTracing(page, { categories: ['-*', 'toplevel', '__metadata'] });
  await action();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const thread = ({ pid, tid }: TraceEvent) => `${pid}/${tid}`;
  const isMain = ({ name, args }: TraceEvent) => name === 'thread_name' && args?.name === 'CrRendererMain';
  const mains = new Set(traceEvents.filter(isMain).map(thread));
  return traceEvents
    .filter((event) => event.name.endsWith('RunTask') && event.tdur !== undefined && mains.has(thread(event)))
    .map(({ tdur }) => tdur! / 1000);
}

/** Of Chromium's trace format. */
interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Processor time, in µs. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** What the page noted since it was opened. */
export function notes(page: Page): Promise<Notes> {
  return page.evaluate(() => (globalThis as unknown as { noted: never }).noted);
}

/** @returns pixels of the picture with this label, RGBA */
export async function pixelsOf(
  page: Page,
  label: string | RegExp,
): Promise<{ width: number; height: number; data: number[] }> {
  const picture = page.getByRole('img', { name: label }).first();
  await picture.waitFor();
  return picture.evaluate((element) => {
    const canvas = element as HTMLCanvasElement;
    const { width, height, data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return { width, height, data: [...data] };
  });
}

/** Fails with the rules that a page breaks, by axe. */
export async function expectAccessible(page: Page): Promise<void> {
  const { default: axe } = await import('axe-core');
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: AxeViolation[] }> } };
    const { violations } = await axe.run();
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
  expect(violations).toEqual([]);
}

interface AxeViolation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}
