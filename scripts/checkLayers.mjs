// The layering rule: packages depend downwards only, model parts never on each other, nobody on another's files.
// `node scripts/checkLayers.mjs` prints one line for each breach and fails if there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** From the bottom up. A package sees the layers below its own, never its own. */
const layers = [
  ['backend', 'model-emoji'],
  ['checkpoint'],
  ['vqgan', 't5-encoder', 'clip-encoder', 'masked-transformer', 'sampler'],
  ['muse', 'emoji-scenes'],
  ['evaluation'],
  ['trainer'],
  ['cli'],
  ['playground'],
];
/** Tighter than their layer: data packages that people install without a model. */
const allowedOnly = { 'emoji-scenes': ['backend'], 'model-emoji': [] };
/** Node's own modules stay behind `/node` entries, but for the choice of a device. */
const mayUseNode = ['packages/backend/src/devices/'];
const groups = ['packages', 'apps', 'internal'];
const scope = '@muse/';
const sourceFile = /\.(ts|tsx|mts|mjs|js)$/;
const testFile = /\.(test|bench)\.ts$/;

/**
 * @param {string} root of the repository, or of a copy
 * @returns {string[]} one line for each breach
 */
export function checkLayers(root) {
  const workspaces = readWorkspaces(root);
  const breaches = [];
  for (const workspace of workspaces.values()) {
    if (!workspace.isInternal && layerOf(workspace.name) < 0) {
      breaches.push(`${workspace.path}: has no layer; give ${workspace.name} one in scripts/checkLayers.mjs`);
      continue;
    }
    breaches.push(...checkManifest(workspace, workspaces));
    for (const file of sourceFiles(join(root, workspace.path))) {
      breaches.push(...checkImports(root, file, workspace, workspaces));
    }
  }
  return breaches;
}

const layerOf = (name) => layers.findIndex((layer) => layer.includes(name));

/** Why a workspace may not use another, or undefined. */
function whyNot(from, to) {
  // Test helpers stand beside the layers: they may use all of them, and only tests may use them.
  if (from.isInternal || to.isInternal) return undefined;
  const allowed = allowedOnly[from.name];
  if (allowed && !allowed.includes(to.name)) return `may only use ${allowed.join(', ') || 'no package'}`;
  const [own, other] = [layerOf(from.name), layerOf(to.name)];
  if (other === own) return 'is in the same layer';
  return other > own ? 'is in a higher layer' : undefined;
}

function checkManifest(from, workspaces) {
  const breaches = [];
  for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies', 'devDependencies']) {
    for (const name of Object.keys(from.manifest[field] ?? {})) {
      const to = workspaces.get(name);
      if (!to) continue;
      const reason = whyNot(from, to);
      if (reason) breaches.push(`${from.path}/package.json: ${field} has ${name}: ${reason}`);
      if (to.isInternal && !from.isInternal && field !== 'devDependencies') {
        breaches.push(`${from.path}/package.json: ${field} has ${name}, which is never published`);
      }
    }
  }
  return breaches;
}

function checkImports(root, file, from, workspaces) {
  const path = relative(root, file).replaceAll(sep, '/');
  const isTest = from.isInternal || testFile.test(path) || !path.startsWith(`${from.path}/src/`);
  const breaches = [];
  for (const specifier of importsOf(file)) {
    const breach = (reason) => breaches.push(`${path}: imports ${specifier}: ${reason}`);
    if (specifier.startsWith('.')) {
      const target = relative(root, resolve(dirname(file), specifier)).replaceAll(sep, '/');
      const isOwn = target.startsWith(`${from.path}/`);
      // The root's scripts and shared settings have no package name; tests may use them.
      const isRoot = isTest && !groups.includes(target.split('/')[0]);
      if (!isOwn && !isRoot) breach('a relative path out of the package; import by its name');
    } else if (isBuiltin(specifier)) {
      const isNodeEntry =
        path.startsWith(`${from.path}/src/node/`) || mayUseNode.some((prefix) => path.startsWith(prefix));
      if (path.startsWith('packages/') && !isTest && !isNodeEntry) breach('Node’s modules belong in src/node');
    } else if (/^@tensorflow\/[^/]+\/dist(\/|$)/.test(specifier)) {
      breach('the insides of tfjs');
    } else if (specifier.startsWith(scope)) {
      const name = specifier.split('/').slice(0, 2).join('/');
      const to = workspaces.get(name);
      if (name === from.manifest.name) breach('the package itself; import the file');
      else if (!to) breach('no such workspace');
      else checkWorkspaceImport(from, to, name, isTest, breach);
    }
  }
  return breaches;
}

function checkWorkspaceImport(from, to, name, isTest, breach) {
  const reason = whyNot(from, to);
  if (reason) return breach(reason);
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = from.manifest;
  if (to.isInternal && !from.isInternal && !isTest) return breach('is never published');
  const declared = {
    ...dependencies,
    ...peerDependencies,
    ...optionalDependencies,
    ...(isTest ? devDependencies : {}),
  };
  if (!(name in declared)) breach('is not declared in package.json');
}

/** Every specifier of a file: import, export from, import(), require, import type. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => fileName);
}

/** Workspaces by their package names. */
function readWorkspaces(root) {
  const workspaces = new Map();
  for (const group of groups) {
    if (!existsSync(join(root, group))) continue;
    for (const folder of readdirSync(join(root, group))) {
      const path = `${group}/${folder}`;
      if (!existsSync(join(root, path, 'package.json'))) continue;
      const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
      const name = manifest.name.replace(scope, '');
      workspaces.set(manifest.name, { name, path, manifest, isInternal: group === 'internal' });
    }
  }
  return workspaces;
}

function sourceFiles(folder) {
  const skip = new Set(['node_modules', 'dist', 'assets', 'model', 'reports', '.turbo']);
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skip.has(entry.name) ? [] : sourceFiles(path);
    return sourceFile.test(entry.name) ? [path] : [];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const breaches = checkLayers(fileURLToPath(new URL('..', import.meta.url)));
  for (const breach of breaches) process.stderr.write(`${breach}\n`);
  if (breaches.length > 0) process.exit(1);
}
