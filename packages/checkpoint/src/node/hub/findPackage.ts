import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** `name` or `@scope/name`, as npm has them. */
const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

export function isPackageName(text: string): boolean {
  return packageName.test(text);
}

/**
 * The folder of an installed package, looked for from each of `from` in turn (URLs or paths of modules), from the
 * current folder, and from the script that runs.
 */
export function findPackage(name: string, from: readonly string[]): string | undefined {
  const script = process.argv[1];
  const places = [
    ...from,
    pathToFileURL(resolve('package.json')).href,
    ...(script ? [pathToFileURL(resolve(script)).href] : []),
  ];
  for (const place of places) {
    try {
      return dirname(createRequire(place).resolve(`${name}/package.json`));
    } catch {
      // Not installed there, or its package.json is not exported.
    }
  }
  return undefined;
}
