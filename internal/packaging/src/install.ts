import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pnpm } from '../../../scripts/install.mjs';
import type { PublishedPackage } from './published.js';

export const runFile = promisify(execFile);

/** Packs every package and installs the tarballs by npm in an empty folder outside the workspace; gives that folder. */
export async function installPacked(packages: readonly PublishedPackage[]): Promise<string> {
  // The real path: on macOS the temporary folder is a link, and Node resolves modules from the real one.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'muse-packaging-')));
  const tarballs = join(folder, 'tarballs');
  await mkdir(tarballs);
  const [command, ...prefix] = pnpm() as [string, ...string[]];
  const dependencies: Record<string, string> = {};
  for (const { name, folder: source } of packages) {
    const before = new Set(await readdir(tarballs));
    await runFile(command, [...prefix, 'pack', '--pack-destination', tarballs], { cwd: source });
    const tarball = (await readdir(tarballs)).find((file) => !before.has(file))!;
    dependencies[name] = `file:tarballs/${tarball}`;
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  // Optional parts (libtensorflow, Dawn) are hundreds of megabytes; every example must run without them.
  const flags = [
    '--omit=optional',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  await runFile('npm', ['install', ...flags], { cwd: folder, shell: process.platform === 'win32' });
  return folder;
}
