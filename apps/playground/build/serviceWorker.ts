import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const source = fileURLToPath(new URL('./serviceWorker.js', import.meta.url));

/** `sw.js` with the list of everything the page is made of but models, which the worker caches itself. */
export function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.values(bundle)
          .filter(({ fileName }) => !fileName.startsWith('models/'))
          .map((file) => ({ name: file.fileName, bytes: file.type === 'chunk' ? file.code : file.source }));
        const hash = createHash('sha256');
        for (const { name, bytes } of files) hash.update(name).update(bytes);
        const names = files.map(({ name }) => (name === 'index.html' ? './' : name)).concat('icon.svg');
        const code = readFileSync(source, 'utf8')
          .replace('__VERSION__', hash.digest('hex').slice(0, 8))
          .replace('__FILES__', JSON.stringify(names));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: code });
      },
    },
  };
}
