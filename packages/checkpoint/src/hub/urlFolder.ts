import { WeightError } from '@muse/backend';
import { type FolderSource, isInnerPath, memorySource } from '../byteSource.js';
import { defaultCacheStore, storeFiles } from './cacheStore.js';
import { download } from './download.js';
import { HttpClient, HttpError, networkReason } from './httpClient.js';
import { type DownloadFolderOptions, fetchingFolder } from './hubFolder.js';
import { joinPieces, readBody } from './readRange.js';
import { DEFAULT_CHUNK_BYTES, type FileCache, type RemoteFile } from './remoteFile.js';
import { variantFolder } from './variantFolder.js';

/**
 * A folder of a web server: any that serves files. A file is downloaded when it is opened, and kept in the cache under
 * its URL, size and ETag; there is no hash to check it against.
 *
 * @param url of the folder; without a query
 * @throws WeightError for a URL that is none; when a file is opened, if it can't be had
 */
export async function urlFolder(url: string, options: DownloadFolderOptions = {}): Promise<FolderSource> {
  return openUrlFolder(url, options, storeFiles(options.cache ?? (await defaultCacheStore())));
}

/** {@link urlFolder} on any cache. */
export function openUrlFolder(url: string, options: DownloadFolderOptions, cache: FileCache): FolderSource {
  const place = { package: 'checkpoint', in: 'urlFolder' };
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || /[?#]/.test(url)) {
    throw new WeightError(place, `expected the URL of a folder, http(s)://…, got ${JSON.stringify(url)}`);
  }
  const base = url.replace(/\/+$/, '');
  const client = new HttpClient({ ...options, name: base });
  const probes = new Map<string, Promise<Probe>>();
  const probe = (path: string) => {
    const known = probes.get(path) ?? probeFile(client, base, path, options.chunkBytes);
    probes.set(path, known);
    // What failed may be asked again.
    known.catch(() => probes.delete(path));
    return known;
  };
  const folder = fetchingFolder(
    base,
    async (path) => {
      const found = await probe(path);
      if (found === 'missing') return undefined;
      return 'bytes' in found ? memorySource(`${base}/${path}`, found.bytes) : found;
    },
    cache,
    client,
    (file, partial) => download(client, file, partial, { numParallel: options.numParallel }),
  );
  return variantFolder(folder, options.variant);
}

/** A file with its size; the bytes themselves where a server tells no size; or none. */
type Probe = RemoteFile | { readonly bytes: Uint8Array } | 'missing';

/** Asks for one byte: a HEAD would be told the size of the compressed answer. */
async function probeFile(
  client: HttpClient,
  base: string,
  path: string,
  chunkBytes = DEFAULT_CHUNK_BYTES,
): Promise<Probe> {
  if (!isInnerPath(path)) return 'missing';
  const url = `${base}/${path.split('/').map(encodeURIComponent).join('/')}`;
  const headers = { Range: 'bytes=0-0', 'Accept-Encoding': 'identity' };
  let answer: Response;
  try {
    answer = await client.request(url, { headers });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.status === 404 || error.status === 410) return 'missing';
    if (error.status === 416) return { path, url, chunkBytes, sizeBytes: 0 };
    throw error;
  }
  const etag = answer.headers.get('ETag') ?? undefined;
  const total =
    answer.status === 206
      ? /^bytes 0-0\/(\d+)$/.exec(answer.headers.get('Content-Range') ?? '')?.[1]
      : answer.headers.get('Content-Encoding') === null
        ? answer.headers.get('Content-Length')
        : null;
  if (total === null || total === undefined || total === '') {
    return { bytes: await readAll(client, path, answer) };
  }
  await answer.body?.cancel();
  return { path, url, chunkBytes, sizeBytes: Number(total), etag };
}

async function readAll(client: HttpClient, path: string, answer: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const piece of readBody(answer, client.stallMs)) {
      pieces.push(piece);
      sizeBytes += piece.length;
    }
  } catch (cause) {
    client.options.signal?.throwIfAborted();
    throw client.error(`expected all of ${path}, got ${networkReason(cause)} after ${sizeBytes} bytes`, { cause });
  }
  return joinPieces(pieces);
}
