import type { DeviceName } from '@muse/backend';
import {
  type CacheStore,
  type FolderSource,
  type HubFolderOptions,
  hubFolder,
  memoryCacheStore,
} from '@muse/checkpoint';
import type { LoadProgress } from '../progress.js';
import { cachedFolder, type FileCache } from './cachedFolder.js';
import { filesFolder, type ModelFile } from './filesFolder.js';
import { peekUrl } from './peekFolder.js';

/** A model of the hub. */
export interface HubSource {
  /** `org/name` */
  readonly hub: string;
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** `fp16` takes the weights of that variant. */
  readonly variant?: string;
  /** For private and gated models. */
  readonly token?: string;
  /** Another hub of the same kind, or a proxy of it. Default https://huggingface.co. */
  readonly endpoint?: string;
}

/** Where a model is, said by a page: the URL of a model folder, files from the visitor's disk, or a name on the hub. */
export type ModelSource = string | HubSource | { readonly name: string; readonly files: readonly ModelFile[] };

export interface WorkerLoadOptions {
  /** Default `auto`: a real GPU by WebGPU, else WebAssembly. */
  readonly device?: DeviceName | 'auto';
  /** URL of the folder that serves the `.wasm` files of @tensorflow/tfjs-backend-wasm. */
  readonly wasmFolder?: string;
  /**
   * Name of the cache (of the Cache API) that keeps what is downloaded; false: nothing is kept beyond the load. Default
   * `muse-models` for a URL, and `muse`, that of `hubFolder`, for a model of the hub.
   */
  readonly cache?: string | false;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** What browsers have and Node has not. */
interface CacheScope {
  readonly caches?: { open(name: string): Promise<CacheStore> };
}

/** The folder of a source: a file is fetched when it is opened, and kept in the cache; its `headers` are to look into. */
export async function openSource(source: ModelSource, options: WorkerLoadOptions): Promise<FolderSource> {
  const { cache, onProgress, signal } = options;
  if (typeof source === 'string') {
    const kept = await urlCache(cache);
    const headers = peekUrl(source, { cache: kept, signal });
    return { ...cachedFolder(source, { cache: kept, onProgress, signal }), headers };
  }
  if ('files' in source) return filesFolder(source.name, source.files);
  const told: HubFolderOptions['onProgress'] = (progress) => {
    // Retries and the like are for logs.
    if (progress.status === 'fetch') onProgress?.({ ...progress, status: 'progress' });
  };
  const { hub, ...found } = source;
  return hubFolder(hub, { ...found, cache: await hubCache(cache), onProgress: told, signal });
}

async function urlCache(name: string | false = 'muse-models'): Promise<FileCache | undefined> {
  return name === false ? undefined : openCache(name);
}

/** A download goes through a cache in any case: without one that stays, through memory. */
async function hubCache(name: string | false = 'muse'): Promise<CacheStore> {
  return (name === false ? undefined : await openCache(name)) ?? memoryCacheStore();
}

/** Not there without https, nor where storage is blocked. */
async function openCache(name: string): Promise<CacheStore | undefined> {
  const { caches } = globalThis as CacheScope;
  return caches?.open(name).catch(() => undefined);
}
