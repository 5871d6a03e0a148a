import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const source = fileURLToPath(new URL('./serviceWorker.js', import.meta.url));

/** `sw.js` with the lists of what the page is made of: what it opens with, and the rest but models, which `@muse/muse/worker` keeps. */
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
        const html = files.find(({ name }) => name === 'index.html')!;
        const isShell = (name: string) => String(html.bytes).includes(name);
        const names = files.map(({ name }) => name).filter((name) => name !== 'index.html');
        const code = readFileSync(source, 'utf8')
          .replace('__VERSION__', hash.digest('hex').slice(0, 8))
          .replace('__SHELL__', JSON.stringify(['./', 'icon.svg', ...names.filter(isShell)]))
          .replace('__REST__', JSON.stringify(names.filter((name) => !isShell(name))));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: code });
      },
    },
  };
}
