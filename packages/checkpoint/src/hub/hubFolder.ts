import { ConfigError, WeightError } from '@muse/backend';
import { type ByteSource, type FolderSource, missingFile } from '../byteSource.js';
import { type CacheStore, defaultCacheStore, storeModelCache } from './cacheStore.js';
import { download } from './download.js';
import type { HasherFactory } from './hash.js';
import { HttpClient, HttpError, type HttpOptions } from './httpClient.js';
import { checkRevision, fetchListing, isRepoId, type ListedFile, type Listing } from './listing.js';
import { PEEK_BYTES, peekWith } from './peekFile.js';
import { DEFAULT_CHUNK_BYTES, type FileCache, type PartialFile, type RemoteFile } from './remoteFile.js';
import { variantFolder } from './variantFolder.js';

export interface DownloadFolderOptions
  extends Pick<HttpOptions, 'fetch' | 'onProgress' | 'signal' | 'maxAttempts' | 'retryDelayMs' | 'stallMs'> {
  /** Weights of another kind: `fp16` takes `model.fp16.safetensors` for `model.safetensors`. */
  readonly variant?: string;
  /** Where files are kept. Default: the browser's Cache API, in `muse`; memory where there is none. */
  readonly cache?: CacheStore;
  /** Requests at a time. Default 4. */
  readonly numParallel?: number;
  /** Bytes of a request, of which none is kept if it does not end. Default 16 MiB. */
  readonly chunkBytes?: number;
}

export interface HubFolderOptions extends DownloadFolderOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  /** For private and gated models. Sent to the endpoint and nowhere else. */
  readonly token?: string;
  /** Default https://huggingface.co. */
  readonly endpoint?: string;
  /** Takes what is cached, and asks nobody. */
  readonly offline?: boolean;
}

/** The cache of one model. */
export interface ModelCache {
  /** What is known of a revision without a network. */
  recall(revision: string): Promise<Listing | undefined>;
  remember(revision: string, listing: Listing): Promise<void>;
  files(commit: string): FileCache;
}

/** A model of the hub, at one commit. */
export interface HubFolder extends FolderSource {
  readonly commit: string;
  /** All its files; offline, of models that others cached, those that are there. */
  readonly files: ReadonlyMap<string, ListedFile>;
}

type Found = RemoteFile | ByteSource | undefined;

/** The hub that is asked unless another is named. */
export const HUB_ENDPOINT = 'https://huggingface.co';

/**
 * A model of the Hugging Face hub as a folder. A file is downloaded when it is opened, and kept in the cache; the revision
 * is looked up once, so that all files are of one commit. Without a network, what is cached is used.
 *
 * @param id `org/name`
 * @throws WeightError when there is no such model or revision, no access, no answer and nothing cached
 */
export async function hubFolder(id: string, options: HubFolderOptions = {}): Promise<HubFolder> {
  const store = options.cache ?? (await defaultCacheStore());
  return openHubFolder(id, options, (endpoint) => storeModelCache(store, `${endpoint}/${id}`));
}

/** {@link hubFolder} on any cache. */
export async function openHubFolder(
  id: string,
  options: HubFolderOptions,
  makeCache: (endpoint: string) => ModelCache,
  hasher?: HasherFactory,
): Promise<HubFolder> {
  const place = { package: 'checkpoint', in: 'hubFolder' };
  if (!isRepoId(id)) throw new WeightError(place, `expected the name of a model, org/name, got ${JSON.stringify(id)}`);
  const { revision = 'main', offline = false, token, numParallel, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  checkRevision(revision);
  const endpoint = checkEndpoint(options.endpoint ?? HUB_ENDPOINT);
  const cache = makeCache(endpoint);
  const name = revision === 'main' ? id : `${id}@${revision}`;
  const client = new HttpClient({ ...options, name, token, tokenOrigin: new URL(endpoint).origin });
  const { listing, isOffline } = await findListing();
  const { commit, files } = listing;
  const remoteFile = (path: string): RemoteFile | undefined => {
    const file = files.get(path);
    return file && { path, chunkBytes, ...file, url: `${endpoint}/${id}/resolve/${commit}/${encodePath(path)}` };
  };
  const folder = fetchingFolder(name, remoteFile, cache.files(commit), client, (file, partial) =>
    download(client, file, partial, { numParallel, hasher }),
  );
  const cached: FolderSource = {
    location: name,
    has: folder.has,
    async open(path) {
      const file = remoteFile(path);
      const source = file && (await cache.files(commit).open(file));
      if (source || !file) return source ?? folder.open(path);
      throw new WeightError(place, `expected ${path} of ${name} in the cache, got none: it needs the network once`);
    },
  };
  return { ...variantFolder(isOffline ? cached : folder, options.variant), commit, files };

  async function findListing(): Promise<{ listing: Listing; isOffline: boolean }> {
    const known = await cache.recall(revision);
    if (offline) {
      if (known) return { listing: known, isOffline: true };
      throw new WeightError(place, `expected ${name} in the cache, as offline is asked for, got nothing of it`);
    }
    // What a commit holds never changes.
    if (known?.isComplete && known.commit === revision) return { listing: known, isOffline: false };
    // With something to fall back on, no network is told at once.
    const asking = known ? new HttpClient({ ...client.options, maxAttempts: 1 }) : client;
    try {
      const fetched = await fetchListing(asking, endpoint, id, revision);
      await cache.remember(revision, fetched);
      return { listing: fetched, isOffline: false };
    } catch (error) {
      const isSilent =
        error instanceof HttpError && (error.status === undefined || error.status === 429 || error.status >= 500);
      if (!known || !isSilent) throw error;
      options.onProgress?.({ status: 'offline', name, reason: error.problem });
      return { listing: known, isOffline: true };
    }
  }
}

/**
 * A folder whose files are downloaded when they are opened; to look into its large ones, a part of them is enough.
 *
 * @param find what is known of a file, or the file itself where that was all there was to ask for
 */
export function fetchingFolder(
  location: string,
  find: (path: string) => Found | Promise<Found>,
  cache: FileCache,
  client: HttpClient,
  fetchFile: (file: RemoteFile, partial: PartialFile) => Promise<void>,
): FolderSource {
  /** Two that open a file at once share its download. */
  const underWay = new Map<string, Promise<void>>();
  const fetchOnce = (file: RemoteFile) => {
    const running = underWay.get(file.path);
    if (running) return running;
    const started = cache
      .begin(file)
      .then((partial) => partial && fetchFile(file, partial))
      .finally(() => underWay.delete(file.path));
    underWay.set(file.path, started);
    return started;
  };
  const folder: FolderSource = {
    location,
    has: async (path) => (await find(path)) !== undefined,
    async open(path): Promise<ByteSource> {
      const file = await find(path);
      if (!file) throw missingFile(location, path);
      if ('read' in file) return file;
      const there = await cache.open(file);
      if (there) return there;
      await fetchOnce(file);
      const source = await cache.open(file);
      if (source) return source;
      throw new WeightError(
        { package: 'checkpoint', in: 'open' },
        `expected ${path} of ${location} in the cache, got none`,
      );
    },
  };
  const headers: FolderSource = {
    ...folder,
    async open(path) {
      const file = await find(path);
      if (!file || 'read' in file || file.sizeBytes <= PEEK_BYTES) return folder.open(path);
      const source = (await cache.open(file)) ?? (await peekWith(client, file.url, file.sizeBytes));
      if (source) return source;
      throw missingFile(location, path);
    },
  };
  return { ...folder, headers };
}

function checkEndpoint(endpoint: string): string {
  if (/^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(endpoint) && URL.canParse(endpoint)) return endpoint.replace(/\/+$/, '');
  throw new ConfigError(
    { package: 'checkpoint', in: 'hubFolder' },
    `expected an endpoint of http(s)://, got ${endpoint}`,
  );
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
