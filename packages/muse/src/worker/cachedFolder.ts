import { WeightError } from '@muse/backend';
import { type FolderSource, memoryFolder } from '@muse/checkpoint';
import type { LoadProgress } from '../progress.js';
import { blobSource } from './filesFolder.js';
import { OncePerPath } from './oncePerPath.js';

/** What is used of a `Cache` of the Cache API. */
export interface FileCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

export interface CachedFolderOptions {
  /**
   * Where files are kept once they are there whole, and which the server has not; without it they are fetched each time.
   */
  readonly cache?: FileCache;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

const place = { package: 'muse', in: 'open' };

/**
 * A model folder on a web server, any one that serves files. A file is fetched once, whole, and kept in the cache; what
 * was aborted or broke off is not kept.
 */
export function cachedFolder(url: string, options: CachedFolderOptions = {}): FolderSource {
  const location = url.replace(/\/+$/, '');
  /** Some are asked for before they are opened: model_index.json. */
  const files = new OncePerPath((path) => fetchFile(location, path, options));
  return {
    location,
    async open(path) {
      const blob = await files.get(path);
      // The Blob of a weight file must not outlive its reading.
      files.forget(path);
      return blob ? blobSource(`${location}/${path}`, blob) : memoryFolder(location, new Map()).open(path);
    },
    has: async (path) => (await files.get(path)) !== undefined,
  };
}

/** @returns undefined when the server says that there is no such file, or said so before and can't be asked now */
async function fetchFile(location: string, file: string, options: CachedFolderOptions): Promise<Blob | undefined> {
  const { cache, onProgress, signal } = options;
  const url = `${location}/${file}`;
  const kept = await cache?.match(url);
  if (kept?.ok) return kept.blob();
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    if (kept && !signal?.aborted) return undefined;
    throw noAnswer(url, signal, cause);
  }
  if (response.status === 404) {
    // Without a network nobody could say whether a file is not there or not here.
    await cache?.put(url, new Response(null, { status: 404 })).catch(() => {});
    return undefined;
  }
  if (!response.ok) {
    throw new WeightError(place, `expected ${url}, got ${response.status} ${response.statusText}`.trimEnd());
  }
  const total = Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  try {
    for (const reader = response.body!.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      // Of a compressed file the length is not that of its bytes.
      const known = Math.max(total, loaded);
      onProgress?.({
        status: 'progress',
        name: location,
        file,
        loaded,
        total: known,
        progress: (100 * loaded) / known,
      });
    }
  } catch (cause) {
    throw noAnswer(url, signal, cause);
  }
  const blob = new Blob(chunks);
  // A full disk is no reason not to go on.
  await cache?.put(url, new Response(blob)).catch(() => {});
  return blob;
}

/** What is thrown for a request without an answer. */
function noAnswer(url: string, signal: AbortSignal | undefined, cause: unknown): unknown {
  if (signal?.aborted) return signal.reason;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new WeightError(place, `expected ${url}, got no answer (${reason}): are you offline?`, { cause });
}
