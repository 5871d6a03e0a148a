import { MuseError } from '@muse/backend';
import { type HttpClient, type HttpError, networkReason } from './httpClient.js';
import type { RemoteFile } from './remoteFile.js';

/** A server that answers a range with the whole file. */
export class NoRanges extends Error {
  override readonly name = 'NoRanges';
}

/**
 * Bytes [begin, end) of a file. A connection that is cut is taken up again where it broke off, as long as it brings
 * something or has attempts left.
 *
 * @param onBytes told of each piece; a negative count takes back what turned out to be no part of the file
 * @throws HttpError when they can't be had; NoRanges when only the whole file can
 */
export async function readRange(
  client: HttpClient,
  file: RemoteFile,
  [begin, end]: readonly [number, number],
  onBytes: (count: number) => void,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  const isWhole = begin === 0 && end === file.sizeBytes;
  let got = 0;
  for (let attempt = 1; got < bytes.length; attempt++) {
    const range = `bytes=${begin + got}-${end - 1}`;
    // Compressed, ranges would count other bytes.
    const headers = { 'Accept-Encoding': 'identity', ...((!isWhole || got > 0) && { Range: range }) };
    const answer = await client.request(file.url, { headers }).catch((error: HttpError) => {
      throw error.status === 416 ? otherSize(client, file) : error;
    });
    if (answer.status === 200 && !isWhole) {
      await answer.body?.cancel();
      throw new NoRanges();
    }
    if (answer.status === 200) {
      onBytes(-got);
      got = 0;
    } else await checkRange(client, file, answer, begin + got);
    const before = got;
    try {
      for await (const piece of readBody(answer, client.stallMs)) {
        if (got + piece.length > bytes.length) throw otherSize(client, file);
        bytes.set(piece, got);
        got += piece.length;
        onBytes(piece.length);
      }
      if (got === bytes.length) break;
      throw new Error(`${got - before} bytes and then the end`);
    } catch (cause) {
      client.options.signal?.throwIfAborted();
      if (cause instanceof MuseError) throw cause;
      if (got > before) attempt = 0;
      const problem = `expected ${end - begin} bytes of ${file.path} at ${begin}, got ${networkReason(cause)}`;
      if (attempt >= client.maxAttempts) throw client.error(problem, { cause });
      await client.waitToRetry(Math.max(1, attempt), problem);
    }
  }
  return bytes;
}

/** The pieces of a body, each of which comes within `stallMs`. */
export async function* readBody(answer: Response, stallMs: number): AsyncGenerator<Uint8Array> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  let isDone = false;
  try {
    while (true) {
      const { value, done } = await withinMs(reader.read(), stallMs);
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel().catch(() => {});
  }
}

/** The pieces of a body as one. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing for ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function checkRange(client: HttpClient, file: RemoteFile, answer: Response, begin: number): Promise<void> {
  const text = answer.headers.get('Content-Range') ?? '';
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(text) ?? [];
  const etag = answer.headers.get('ETag') ?? undefined;
  const hasChanged =
    (total !== undefined && total !== '*' && Number(total) !== file.sizeBytes) ||
    (file.etag !== undefined && etag !== file.etag);
  if (Number(first) === begin && !hasChanged) return;
  await answer.body?.cancel();
  if (hasChanged) throw otherSize(client, file);
  throw client.error(`expected bytes of ${file.path} from ${begin} on, got a Content-Range of ${JSON.stringify(text)}`);
}

function otherSize(client: HttpClient, file: RemoteFile): HttpError {
  return client.error(
    `expected ${file.path} to have ${file.sizeBytes} bytes, got another size: did it change on the server?`,
  );
}
