import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import type { Plugin } from 'vite';

const VIRTUAL = 'virtual:bundled-model';
const require = createRequire(import.meta.url);
const model = join(dirname(require.resolve('@muse/model-emoji/package.json')), 'model');
const wasm = join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist');

function filesOf(folder: string): { path: string; file: string; sizeBytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({
      path: relative(folder, file).replaceAll(sep, '/'),
      file,
      sizeBytes: statSync(file).size,
    }));
}

/** Eight hexadecimal digits that change with any byte of the files: caches need no other check. */
function digest(files: readonly { file: string }[]): string {
  const hash = createHash('sha256');
  for (const { file } of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 8);
}

/**
 * The bundled model and tfjs's `.wasm` files beside the page, in folders named after their content, and a module
 * `virtual:bundled-model` that says where and how large they are, and whether there is a second stage.
 */
export function bundledModel(): Plugin {
  const weights = filesOf(model);
  const kernels = filesOf(wasm).filter(({ path }) => /^tfjs-backend-wasm[a-z-]*\.wasm$/.test(path));
  const folders = [
    { name: `models/emoji-${digest(weights)}`, files: weights },
    { name: `wasm-${digest(kernels)}`, files: kernels },
  ] as const;
  return {
    name: 'bundled-model',
    resolveId: (id) => (id === VIRTUAL ? `\0${VIRTUAL}` : undefined),
    load(id) {
      if (id !== `\0${VIRTUAL}`) return undefined;
      const sizeBytes = weights.reduce((sum, file) => sum + file.sizeBytes, 0);
      const hasSuperRes = weights.some(({ path }) => path.startsWith('super_res_transformer/'));
      return `export const bundledModel = ${JSON.stringify({ folder: folders[0].name, sizeBytes, hasSuperRes })};
export const wasmFolder = ${JSON.stringify(folders[1].name)};`;
    },
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const url = decodeURIComponent(request.url?.split('?')[0] ?? '').replace(/^\//, '');
        for (const { name, files } of folders) {
          const found = files.find(({ path }) => url === `${name}/${path}`);
          if (!found) continue;
          const isWasm = found.path.endsWith('.wasm');
          response.setHeader('content-type', isWasm ? 'application/wasm' : 'application/octet-stream');
          response.setHeader('content-length', found.sizeBytes);
          response.end(readFileSync(found.file));
          return;
        }
        next();
      });
    },
    generateBundle() {
      for (const { name, files } of folders) {
        for (const { path, file } of files) {
          this.emitFile({ type: 'asset', fileName: `${name}/${path}`, source: readFileSync(file) });
        }
      }
    },
  };
}
