import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageFiles, referredPackages } from '../src/imports.js';
import { installPacked, runFile } from '../src/install.js';
import { exportedFiles, publishedPackages, readManifest, root } from '../src/published.js';
import { readmeExample, stripTypes, typeErrors } from '../src/readmeExample.js';

const packages = publishedPackages();
let folder: string;
beforeAll(async () => {
  folder = await installPacked(packages);
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});
const installed = (name: string) => join(folder, 'node_modules', name);

test('turbo runs this again when a published package changes: each is a dependency of this workspace', () => {
  const { devDependencies = {} } = readManifest(join(root, 'internal/packaging'));
  for (const { name } of packages) expect(devDependencies, name).toHaveProperty([name]);
});

describe.each(packages)('$name', ({ name, folder: source, manifest, isLibrary }) => {
  const example = existsSync(join(source, 'README.md'))
    ? readmeExample(readFileSync(join(source, 'README.md'), 'utf8'))
    : undefined;
  const exampleFolder = () => join(folder, 'examples', name.split('/')[1]!);

  test('is packed with README and licence, without tests, and with ranges that a registry knows', () => {
    const files = packageFiles(installed(name));
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json']));
    expect(files.filter((file) => /\.(test|bench)\.|\.tsbuildinfo$|^src\//.test(file))).toEqual([]);
    expect(readFileSync(join(installed(name), 'package.json'), 'utf8')).not.toMatch(/"(workspace|catalog|link|file):/);
  });

  test('has every file that its exports and commands name', () => {
    const entries = [...Object.values(manifest.exports ?? {}), ...Object.values(manifest.bin ?? {})];
    const paths = entries.flatMap(exportedFiles);
    expect(paths.filter((path) => !existsSync(join(installed(name), path)))).toEqual([]);
  });

  test('declares every package that its code and its types refer to', () => {
    const { dependencies, peerDependencies, optionalDependencies } = readManifest(installed(name));
    const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
    const undeclared = [...referredPackages(installed(name))].filter(
      ([other]) => other !== name && !(other in declared),
    );
    expect(undeclared).toEqual([]);
  });

  test.runIf(isLibrary || example)('runs its README’s example', async () => {
    expect(example, 'a ```ts block in README.md').toBeDefined();
    await mkdir(exampleFolder(), { recursive: true });
    await writeFile(join(exampleFolder(), 'example.mjs'), stripTypes(example!));
    // Rejects, with what the example printed, on any other exit code than 0.
    await runFile(process.execPath, ['example.mjs'], { cwd: exampleFolder(), timeout: 240_000 });
  });

  test.runIf(isLibrary || example)('has an example without type errors against its own types', async () => {
    expect(example, 'a ```ts block in README.md').toBeDefined();
    await mkdir(exampleFolder(), { recursive: true });
    const file = join(exampleFolder(), 'example.mts');
    await writeFile(file, example!);
    expect(typeErrors([file], [join(root, 'node_modules/@types')])).toEqual([]);
  });

  test.runIf(manifest.bin)('has commands that explain themselves', async () => {
    for (const command of Object.keys(manifest.bin ?? {})) {
      const { stdout } = await runFile(join(folder, 'node_modules/.bin', command), ['--help'], {
        cwd: folder,
        shell: process.platform === 'win32',
      });
      expect(stdout).toContain(command);
    }
  });
});
