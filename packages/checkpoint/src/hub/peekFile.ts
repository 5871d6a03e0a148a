import { MuseError, WeightError } from '@muse/backend';
import type { ByteSource } from '../byteSource.js';
import { HttpClient, HttpError, type HttpOptions, networkReason } from './httpClient.js';
import { joinPieces, readBody } from './readRange.js';

/** What is fetched of a file at first: all of a configuration, the header of most weight files. */
export const PEEK_BYTES = 128 * 1024;

/** A part of a file, and what its server says of the whole. */
interface Part {
  readonly bytes: Uint8Array;
  /** Undefined where an answer does not tell. */
  readonly sizeBytes: number | undefined;
}

/**
 * A file of a web server, to look into: only what is read is fetched, by byte range, and nothing is kept.
 *
 * @returns undefined when the server says that there is no such file
 * @throws WeightError when it can't be had; the signal's reason
 */
export function peekFile(
  url: string,
  options: Pick<HttpOptions, 'fetch' | 'signal' | 'maxAttempts'> = {},
): Promise<ByteSource | undefined> {
  return peekWith(new HttpClient({ ...options, name: url }), url);
}

/** {@link peekFile} by a client. @param knownBytes size of the file where it is known: of a compressed answer no server tells it */
export async function peekWith(client: HttpClient, url: string, knownBytes?: number): Promise<ByteSource | undefined> {
  let first: Part;
  try {
    first = await readPart(client, url, 0, PEEK_BYTES, knownBytes);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    if (error.status === 404 || error.status === 410) return undefined;
    // An empty file has no first byte.
    if (error.status !== 416) throw error;
    first = { bytes: new Uint8Array(0), sizeBytes: 0 };
  }
  const { bytes, sizeBytes = bytes.length } = first;
  return {
    name: url,
    sizeBytes,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > sizeBytes) {
        const problem = `expected ${length} bytes at ${offset} of ${url}, got a file of ${sizeBytes} bytes`;
        throw new WeightError({ package: 'checkpoint', in: 'read' }, problem);
      }
      if (offset + length <= bytes.length) return bytes.slice(offset, offset + length);
      return (await readPart(client, url, offset, length, sizeBytes)).bytes;
    },
    async close() {},
  };
}

/** At most `length` bytes from `offset` on; a connection that is cut is tried again. */
async function readPart(
  client: HttpClient,
  url: string,
  offset: number,
  length: number,
  knownBytes: number | undefined,
): Promise<Part> {
  const headers = { 'Accept-Encoding': 'identity', Range: `bytes=${offset}-${offset + length - 1}` };
  for (let attempt = 1; ; attempt++) {
    const answer = await client.request(url, { headers });
    const sizeBytes = knownBytes ?? sizeOf(answer);
    try {
      // A server that knows no ranges sends all: what comes before is passed over, what comes after is not waited for.
      const isPart = answer.status === 206;
      if (isPart) await checkBegin(client, answer, offset);
      const most = sizeBytes === undefined ? length : Math.min(length, sizeBytes - offset);
      const begin = isPart ? 0 : offset;
      const { bytes, numRead } = await readBetween(client, answer, begin, most, sizeBytes === undefined);
      if (bytes.length === most || sizeBytes === undefined) return { bytes, sizeBytes: sizeBytes ?? numRead };
      throw new Error(`${bytes.length} bytes and then the end`);
    } catch (cause) {
      client.options.signal?.throwIfAborted();
      if (cause instanceof MuseError) throw cause;
      const problem = `expected ${length} bytes of ${url} at ${offset}, got ${networkReason(cause)}`;
      if (attempt >= client.maxAttempts) throw client.error(problem, { cause });
      await client.waitToRetry(attempt, problem);
    }
  }
}

/** @throws HttpError when a part is another than was asked for */
async function checkBegin(client: HttpClient, { headers, body }: Response, offset: number): Promise<void> {
  const range = headers.get('Content-Range') ?? '';
  if (Number(/^bytes (\d+)-/.exec(range)?.[1]) === offset) return;
  await body?.cancel();
  throw client.error(`expected bytes from ${offset} on, got a Content-Range of ${JSON.stringify(range)}`);
}

/** Bytes of the whole file; undefined where an answer does not tell. */
function sizeOf({ status, headers }: Response): number | undefined {
  const isWhole = status !== 206 && headers.get('Content-Encoding') === null;
  const text = isWhole ? headers.get('Content-Length') : /\/(\d+)$/.exec(headers.get('Content-Range') ?? '')?.[1];
  return text ? Number(text) : undefined;
}

/** Bytes [begin, begin + length) of a body, as far as there are. @param all whether to count on to its end */
async function readBetween(client: HttpClient, answer: Response, begin: number, length: number, all: boolean) {
  const pieces: Uint8Array[] = [];
  let numRead = 0;
  for await (const piece of readBody(answer, client.stallMs)) {
    const wanted = piece.subarray(Math.max(0, begin - numRead), Math.max(0, begin + length - numRead));
    if (wanted.length > 0) pieces.push(wanted);
    numRead += piece.length;
    if (!all && numRead >= begin + length) break;
  }
  return { bytes: joinPieces(pieces), numRead };
}
