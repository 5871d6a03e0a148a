import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WeightError } from '@muse/backend';
import type { FolderSource } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';

const INDEX = 'model_index.json';

/** `name` or `@scope/name`, as npm has them. */
const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/** Whether a folder of this path is there. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The folder of an installed package, looked for from each of the places in turn. */
function findPackage(name: string, from: readonly string[]): string | undefined {
  for (const place of from) {
    try {
      return dirname(createRequire(place).resolve(`${name}/package.json`));
    } catch {
      // Not installed there, or its package.json is not exported.
    }
  }
  return undefined;
}

/**
 * A model folder by its path or by the name of the package that brings it. What exists as a folder is a path; a package
 * has its model in `model/` or at its top. Packages are looked for from the current folder, from the script that runs,
 * and from here.
 *
 * @param resolveFrom URL or path of a module to look from first: `import.meta.url`
 * @throws WeightError that says what was looked for and how to get it
 */
export function resolveModelFolder(source: string, resolveFrom?: string): FolderSource {
  const place = { package: 'muse', in: 'fromPretrained' };
  const path = resolve(source);
  if (isFolder(path)) {
    if (existsSync(join(path, INDEX))) return nodeFolder(path);
    throw new WeightError(place, `expected a model folder with ${INDEX}, got ${path} without it`);
  }
  const isPath = source.startsWith('.') || isAbsolute(source) || !packageName.test(source);
  if (isPath) {
    throw new WeightError(
      place,
      `expected the path of a model folder or the name of a package, got ${source}: not there`,
    );
  }
  const script = process.argv[1];
  const places: (string | undefined)[] = [
    resolveFrom,
    pathToFileURL(join(process.cwd(), 'package.json')).href,
    script && pathToFileURL(resolve(script)).href,
    import.meta.url,
  ];
  const found = findPackage(
    source,
    places.filter((from): from is string => Boolean(from)),
  );
  if (!found) {
    throw new WeightError(
      place,
      `expected a folder or an installed package ${source}, got neither: npm install ${source}, or give a path`,
    );
  }
  const inner = [join(found, 'model'), found].find((folder) => existsSync(join(folder, INDEX)));
  if (!inner) throw new WeightError(place, `expected package ${source} to hold model/${INDEX}, got none in ${found}`);
  return nodeFolder(inner);
}
