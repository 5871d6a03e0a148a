import { WeightError } from '@muse/backend';
import type { ByteSource } from '../byteSource.js';
import { isObject } from '../safetensorsHeader.js';
import type { ModelCache } from './hubFolder.js';
import type { ListedFile, Listing } from './listing.js';
import { chunkCount, chunkRange, type FileCache, type PartialFile, type RemoteFile } from './remoteFile.js';

/** What is asked of a cache: the browser's `Cache` has it, and transformers.js's `env.customCache`. */
export interface CacheStore {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
  delete(url: string): Promise<unknown>;
}

/** The browser's cache of the name `muse`; memory where there is none, as on pages without https. */
export async function defaultCacheStore(): Promise<CacheStore> {
  const { caches } = globalThis as { caches?: { open(name: string): Promise<CacheStore> } };
  return caches ? caches.open('muse') : memoryCacheStore();
}

/** A cache that lasts as long as it is held. */
export function memoryCacheStore(): CacheStore {
  const entries = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    async match(url) {
      const bytes = entries.get(url);
      return bytes && new Response(bytes);
    },
    async put(url, response) {
      entries.set(url, new Uint8Array(await response.arrayBuffer()));
    },
    delete: async (url) => entries.delete(url),
  };
}

/** A model in a store; `url` is the model's. */
export function storeModelCache(store: CacheStore, url: string): ModelCache {
  const listingUrl = (revision: string) => `${url}?muse-listing=${encodeURIComponent(revision)}`;
  return {
    async recall(revision) {
      const answer = await store.match(listingUrl(revision));
      const json: unknown = await answer?.json().catch(() => undefined);
      if (!isObject(json) || typeof json.commit !== 'string' || !Array.isArray(json.files)) return undefined;
      return { commit: json.commit, files: new Map(json.files as [string, ListedFile][]), isComplete: true };
    },
    async remember(revision, { commit, files }: Listing) {
      await store.put(listingUrl(revision), new Response(JSON.stringify({ commit, files: [...files] })));
    },
    files: () => storeFiles(store),
  };
}

/**
 * Files in a store, an entry for each chunk, so that a download goes on where it was left and a read takes no more than
 * a chunk into memory.
 */
export function storeFiles(store: CacheStore): FileCache {
  return {
    async open(file) {
      if (!(await store.match(doneUrl(file)))) return undefined;
      const numChunks = chunkCount(file);
      // The browser may have taken some of it back.
      if ((await chunksOf(store, file)).size < numChunks) return undefined;
      return storeSource(store, file);
    },
    begin: (file) => beginFile(store, file),
  };
}

async function beginFile(store: CacheStore, file: RemoteFile): Promise<PartialFile> {
  const chunks = await chunksOf(store, file);
  return {
    chunks,
    async write(chunk, bytes) {
      try {
        await store.put(chunkUrl(file, chunk), new Response(bytes as Uint8Array<ArrayBuffer>));
      } catch (cause) {
        const isFull = cause instanceof Error && cause.name === 'QuotaExceededError';
        const got = isFull ? 'no space left for this page' : cause instanceof Error ? cause.message : String(cause);
        throw problem(`expected to keep ${file.sizeBytes} bytes of ${file.path} in the cache, got ${got}`, cause);
      }
      chunks.add(chunk);
    },
    read: (chunk) => readChunk(store, file, chunk),
    commit: () => store.put(doneUrl(file), new Response('')),
    async discard() {
      for (const chunk of chunks) await store.delete(chunkUrl(file, chunk));
      chunks.clear();
    },
    async release() {},
  };
}

async function chunksOf(store: CacheStore, file: RemoteFile): Promise<Set<number>> {
  const numbers = Array.from({ length: chunkCount(file) }, (_, chunk) => chunk);
  const there = await Promise.all(numbers.map((chunk) => store.match(chunkUrl(file, chunk))));
  return new Set(numbers.filter((chunk) => there[chunk] !== undefined));
}

async function readChunk(store: CacheStore, file: RemoteFile, chunk: number): Promise<Uint8Array> {
  const answer = await store.match(chunkUrl(file, chunk));
  const bytes = answer && new Uint8Array(await answer.arrayBuffer());
  const [begin, end] = chunkRange(chunk, file);
  if (bytes?.length === end - begin) return bytes;
  const got = bytes ? `${bytes.length}` : 'none: did the browser take them back?';
  throw problem(`expected ${end - begin} bytes of ${file.path} at ${begin} in the cache, got ${got}`);
}

function storeSource(store: CacheStore, file: RemoteFile): ByteSource {
  // Tensors are read in the order of their bytes: the chunk at hand is most often the next one's too.
  let held: { chunk: number; bytes: Promise<Uint8Array> } | undefined;
  const chunkBytes = (chunk: number) => {
    if (held?.chunk !== chunk) held = { chunk, bytes: readChunk(store, file, chunk) };
    return held.bytes;
  };
  return {
    name: file.url,
    sizeBytes: file.sizeBytes,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > file.sizeBytes) {
        throw problem(`expected ${length} bytes at ${offset} of ${file.path}, got a file of ${file.sizeBytes} bytes`);
      }
      const out = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const chunk = Math.floor((offset + done) / file.chunkBytes);
        const begin = offset + done - chunk * file.chunkBytes;
        const part = (await chunkBytes(chunk)).subarray(begin, begin + length - done);
        out.set(part, done);
        done += part.length;
      }
      return out;
    },
    async close() {
      held = undefined;
    },
  };
}

function chunkUrl(file: RemoteFile, chunk: number): string {
  return keyUrl(file, `muse-chunk=${chunk}`);
}

function doneUrl(file: RemoteFile): string {
  return keyUrl(file, 'muse-done=1');
}

/** A key is a URL that nobody else asks for; what identifies the bytes beside the file's own URL is part of it. */
function keyUrl({ url, etag, sizeBytes, chunkBytes }: RemoteFile, what: string): string {
  const identity = `${sizeBytes}-${chunkBytes}${etag === undefined ? '' : `-${encodeURIComponent(etag)}`}`;
  return `${url}${url.includes('?') ? '&' : '?'}muse-file=${identity}&${what}`;
}

function problem(message: string, cause?: unknown): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'cache' }, message, { cause });
}
