import { type ByteSource, type FolderSource, memoryFolder, peekFile } from '@muse/checkpoint';
import type { CachedFolderOptions } from './cachedFolder.js';
import { blobSource } from './filesFolder.js';
import { OncePerPath } from './oncePerPath.js';

/**
 * A model folder on a web server, to look into before anything is loaded: of a file that is not in the cache only what is
 * read is fetched, by byte range, and nothing is kept.
 */
export function peekUrl(url: string, { cache, signal }: CachedFolderOptions = {}): FolderSource {
  const location = url.replace(/\/+$/, '');
  const files = new OncePerPath(async (path): Promise<ByteSource | undefined> => {
    const file = `${location}/${path}`;
    const kept = await cache?.match(file);
    if (kept?.ok) return blobSource(file, await kept.blob());
    return peekFile(file, { signal, maxAttempts: 1 }).catch((error) => {
      // Known not to be there, as in `cachedFolder`.
      if (kept && !signal?.aborted) return undefined;
      throw error;
    });
  });
  return {
    location,
    has: async (path) => (await files.get(path)) !== undefined,
    open: async (path) => (await files.get(path)) ?? memoryFolder(location, new Map()).open(path),
  };
}
