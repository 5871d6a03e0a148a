import type { ByteSource } from '../byteSource.js';
import type { FileHash } from './hash.js';

/** A file that can be downloaded. */
export interface RemoteFile {
  /** In its folder, for messages and for its place in a cache. */
  readonly path: string;
  readonly url: string;
  readonly sizeBytes: number;
  /** Size of the parts it is fetched and kept in. */
  readonly chunkBytes: number;
  /** What its bytes are checked against; a plain web server tells none. */
  readonly hash?: FileHash;
  /** Of a plain web server: every part must carry the same. */
  readonly etag?: string;
}

/** Where downloaded files are kept. */
export interface FileCache {
  /** A whole file; undefined when it is not there. */
  open(file: RemoteFile): Promise<ByteSource | undefined>;
  /** Goes on with a file where it was left. Undefined when someone else has finished it meanwhile. */
  begin(file: RemoteFile): Promise<PartialFile | undefined>;
}

/** A file under way, in chunks that are there whole or not at all. */
export interface PartialFile {
  /** Chunks that are there. */
  readonly chunks: ReadonlySet<number>;
  write(chunk: number, bytes: Uint8Array): Promise<void>;
  /** A chunk that is there. */
  read(chunk: number): Promise<Uint8Array>;
  /** All chunks are there and right: from now on `FileCache.open` gives the file. */
  commit(): Promise<void>;
  /** Throws away what is there. */
  discard(): Promise<void>;
  /** Ends the work on it; what is there stays for the next time. */
  release(): Promise<void>;
}

/** Small enough that little is lost with a connection, large enough that requests don't count. */
export const DEFAULT_CHUNK_BYTES = 16 * 2 ** 20;

type Chunked = Pick<RemoteFile, 'sizeBytes' | 'chunkBytes'>;

export function chunkCount({ sizeBytes, chunkBytes }: Chunked): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Bytes of a chunk: the last may be shorter. */
export function chunkRange(chunk: number, { sizeBytes, chunkBytes }: Chunked): [begin: number, end: number] {
  return [chunk * chunkBytes, Math.min(sizeBytes, (chunk + 1) * chunkBytes)];
}
