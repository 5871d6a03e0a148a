import type { DeviceName } from '@muse/backend';
import type { FolderSource } from '@muse/checkpoint';
import type { LoadProgress } from '../progress.js';
import { cachedFolder, type FileCache } from './cachedFolder.js';
import { filesFolder, type ModelFile } from './filesFolder.js';

/** Where a model is, said by a page: the URL of a model folder, or files from the visitor's disk. */
export type ModelSource = string | { readonly name: string; readonly files: readonly ModelFile[] };

export interface WorkerLoadOptions {
  /** Default `auto`: a real GPU by WebGPU, else WebAssembly. */
  readonly device?: DeviceName | 'auto';
  /** URL of the folder that serves the `.wasm` files of @tensorflow/tfjs-backend-wasm. */
  readonly wasmFolder?: string;
  /** Name of the cache (of the Cache API) for files of a URL; false: none. Default `muse-models`. */
  readonly cache?: string | false;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** What browsers have and Node has not. */
interface CacheScope {
  readonly caches?: { open(name: string): Promise<FileCache> };
}

/** The folder of a source. */
export async function openSource(source: ModelSource, options: WorkerLoadOptions): Promise<FolderSource> {
  if (typeof source !== 'string') return filesFolder(source.name, source.files);
  const { cache = 'muse-models', onProgress, signal } = options;
  // Not there without https, nor where storage is blocked.
  const { caches } = globalThis as CacheScope;
  const opened = cache === false ? undefined : await caches?.open(cache).catch(() => undefined);
  return cachedFolder(source, { cache: opened, onProgress, signal });
}
