import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** Files of an installed package, relative to it, without what npm put inside. */
export function packageFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('node_modules/'));
}

/**
 * Names of the packages that a package's code and types refer to, with the file that does. Node's modules and types are not
 * counted.
 */
export function referredPackages(folder: string): Map<string, string> {
  const referred = new Map<string, string>();
  for (const path of packageFiles(folder).filter((file) => /\.(js|mjs|d\.ts)$/.test(file))) {
    const info = ts.preProcessFile(readFileSync(join(folder, path), 'utf8'), true, true);
    const specifiers = info.importedFiles.map(({ fileName }) => fileName).filter((name) => !/^[./]/.test(name));
    for (const specifier of [...specifiers, ...info.typeReferenceDirectives.map(({ fileName }) => fileName)]) {
      if (isBuiltin(specifier) || specifier === 'node') continue;
      const parts = specifier.split('/');
      referred.set(parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/'), path);
    }
  }
  return referred;
}
