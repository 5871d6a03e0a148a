import { copyFile, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Alias, build } from 'vite';

export interface BuildPageOptions {
  /** Absolute path of the page. */
  readonly html: string;
  /** Imports that are something else in a page. */
  readonly alias?: readonly Alias[];
  /** Absolute paths of files that the page fetches, by their names. */
  readonly files?: readonly string[];
}

/** Bundles a page. @returns a new temporary folder, the caller's to remove; the page keeps its name */
export async function buildPage({ html, alias = [], files = [] }: BuildPageOptions): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'muse-page-'));
  await build({
    configFile: false,
    root: dirname(html),
    base: './',
    publicDir: false,
    logLevel: 'warn',
    resolve: { alias: [...alias] },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      minify: false,
      chunkSizeWarningLimit: Number.POSITIVE_INFINITY,
      rolldownOptions: { input: html },
    },
  });
  for (const file of files) await copyFile(file, join(outDir, basename(file)));
  return outDir;
}
