import { WeightError } from '@muse/backend';
import type { RunFolder } from '../src/run/runFolder.js';

export interface MemoryRunFolder extends RunFolder {
  readonly files: Map<string, Uint8Array>;
}

/** A run folder without a disk. */
export function memoryRunFolder(): MemoryRunFolder {
  const files = new Map<string, Uint8Array>();
  const toBytes = (content: Uint8Array | string) =>
    typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
  const inside = (folder: string) => [...files.keys()].filter((path) => path.startsWith(folder && `${folder}/`));
  return {
    location: 'memory',
    files,
    async read(path) {
      const bytes = files.get(path);
      if (!bytes) throw new WeightError({ package: 'trainer', in: 'memoryRunFolder' }, `expected ${path}, got none`);
      return bytes.slice();
    },
    async write(path, content) {
      files.set(path, toBytes(content));
    },
    async append(path, content) {
      const old = files.get(path) ?? new Uint8Array();
      files.set(path, Uint8Array.from([...old, ...toBytes(content)]));
    },
    async list(folder) {
      const skip = folder ? folder.length + 1 : 0;
      return [...new Set(inside(folder).map((path) => path.slice(skip).split('/')[0]!))].sort();
    },
    async rename(from, to) {
      for (const path of inside(from)) {
        files.set(to + path.slice(from.length), files.get(path)!);
        files.delete(path);
      }
    },
    async remove(path) {
      files.delete(path);
      for (const inner of inside(path)) files.delete(inner);
    },
  };
}
