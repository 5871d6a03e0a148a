import { WeightError } from '@muse/backend';
import { type ByteSource, type FolderSource, HUB_ENDPOINT, type HubFolder, memoryFolder } from '@muse/checkpoint';
import { type CachedFolderOptions, noAnswer, place } from './cachedFolder.js';
import { blobSource } from './filesFolder.js';
import type { HubSource } from './modelSource.js';
import { OncePerPath } from './oncePerPath.js';

/** What is fetched of a file at first: all of a configuration, the header of most weight files. */
const FIRST_BYTES = 128 * 1024;

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
    return peekFile(file, { signal }).catch((error) => {
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

/**
 * A model of the hub, to look into: weights that are in the cache are read there, of others only what is read is fetched.
 *
 * @param kept the same model offline: what is in the cache
 */
export function peekHub(
  folder: HubFolder,
  kept: FolderSource,
  { hub, endpoint = HUB_ENDPOINT, token, signal }: HubSource & { readonly signal?: AbortSignal },
): FolderSource {
  return {
    location: folder.location,
    has: (path) => folder.has(path),
    async open(path) {
      const sizeBytes = folder.files.get(path)?.sizeBytes ?? 0;
      if (sizeBytes <= FIRST_BYTES) return folder.open(path);
      const url = `${endpoint.replace(/\/+$/, '')}/${hub}/resolve/${folder.commit}/${path}`;
      return kept.open(path).catch(async () => {
        const file = await peekFile(url, { signal, sizeBytes, token });
        return file ?? memoryFolder(folder.location, new Map()).open(path);
      });
    },
  };
}

interface PeekOptions {
  readonly signal?: AbortSignal;
  /** Where it is known: of a compressed answer a server does not tell it. */
  readonly sizeBytes?: number;
  readonly token?: string;
}

/** @returns undefined when the server says that there is no such file */
async function peekFile(url: string, options: PeekOptions): Promise<ByteSource | undefined> {
  const first = await readPart(url, 0, FIRST_BYTES, options);
  if (!first) return undefined;
  const { sizeBytes } = first;
  return {
    name: url,
    sizeBytes,
    async read(offset, length) {
      if (offset + length <= first.bytes.length) return first.bytes.slice(offset, offset + length);
      const part = await readPart(url, offset, length, { ...options, sizeBytes });
      if (part?.bytes.length === length) return part.bytes;
      throw problem(`expected ${length} bytes at ${offset} of ${url}, got ${part?.bytes.length ?? 'no file'}`);
    },
    async close() {},
  };
}

/** At most `length` bytes of a file from `offset` on, and the size of all of it. */
async function readPart(
  url: string,
  offset: number,
  length: number,
  { signal, sizeBytes, token }: PeekOptions,
): Promise<{ bytes: Uint8Array; sizeBytes: number } | undefined> {
  try {
    const headers: Record<string, string> = { Range: `bytes=${offset}-${offset + length - 1}` };
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(url, { headers, signal });
    if (response.status === 404) return undefined;
    // An empty file has no first byte.
    if (response.status === 416 && offset === 0) return { bytes: new Uint8Array(0), sizeBytes: 0 };
    if (!response.ok) throw problem(`expected ${url}, got ${response.status} ${response.statusText}`.trimEnd());
    const known = sizeBytes ?? sizeOf(response);
    // A server that knows no ranges sends all: what comes before is passed over, what comes after is not waited for.
    const begin = response.status === 206 ? 0 : offset;
    const { bytes, numRead } = await readBody(response, begin, length, known !== undefined);
    return { bytes, sizeBytes: known ?? numRead };
  } catch (error) {
    throw error instanceof WeightError ? error : noAnswer(url, signal, error);
  }
}

/** Bytes of the whole file; undefined where an answer does not tell. */
function sizeOf({ status, headers }: Response): number | undefined {
  const isWhole = status !== 206 && headers.get('content-encoding') === null;
  const text = isWhole ? headers.get('content-length') : /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  return text ? Number(text) : undefined;
}

/** Bytes [begin, begin + length) of a body, as far as there are. @param isEnough whether to stop there, or to count on */
async function readBody(response: Response, begin: number, length: number, isEnough: boolean) {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let numRead = 0;
  for (const reader = response.body!.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    const piece = value.subarray(Math.max(0, begin - numRead), Math.max(0, begin + length - numRead));
    if (piece.length > 0) pieces.push(piece);
    numRead += value.length;
    if (!isEnough || numRead < begin + length) continue;
    await reader.cancel();
    break;
  }
  return { bytes: new Uint8Array(await new Blob(pieces).arrayBuffer()), numRead };
}

function problem(message: string): WeightError {
  return new WeightError(place, message);
}
