import { MuseError } from '@muse/backend';
import { fileHasher, type Hasher, type HasherFactory } from './hash.js';
import type { HttpClient } from './httpClient.js';
import { NoRanges, readBody, readRange } from './readRange.js';
import { chunkCount, chunkRange, type PartialFile, type RemoteFile } from './remoteFile.js';

export interface DownloadOptions {
  /** Requests at a time. Default 4. */
  readonly numParallel?: number;
  readonly hasher?: HasherFactory;
}

/**
 * Downloads what is missing of a file, in parallel ranges, checks all of it against its size and hash, and commits it.
 * Bytes that turn out to be wrong are fetched once more. Whatever happens, the partial file is released.
 *
 * @throws WeightError that says what came instead; the signal's reason. Chunks that arrived stay for the next time.
 */
export async function download(
  client: HttpClient,
  file: RemoteFile,
  partial: PartialFile,
  options: DownloadOptions = {},
): Promise<void> {
  try {
    for (let isLast = false; ; isLast = true) {
      const got = await downloadOnce(client, file, partial, options);
      if (file.hash === undefined || got === file.hash.hex) break;
      await partial.discard();
      const problem = `expected ${file.path} with ${hashNames[file.hash.kind]} ${file.hash.hex}, got ${got}`;
      if (isLast) throw client.error(`${problem}, twice: something changes it on its way`);
      client.options.onProgress?.({ status: 'retry', name: client.options.name, reason: problem, delayMs: 0 });
    }
    await partial.commit();
  } finally {
    await partial.release();
  }
}

const hashNames = { sha256: 'SHA-256', 'git-sha1': 'git hash' } as const;

async function downloadOnce(
  client: HttpClient,
  file: RemoteFile,
  partial: PartialFile,
  { numParallel = 4, hasher }: DownloadOptions,
): Promise<string | undefined> {
  const job = new Job(client, file, partial, file.hash && fileHasher(file.hash.kind, file.sizeBytes, hasher));
  try {
    await job.readInParallel(numParallel);
  } catch (error) {
    if (!(error instanceof NoRanges)) throw error;
    await job.readInOrder();
  }
  return job.finishHash();
}

/** One pass over a file. */
class Job {
  private loaded = 0;
  /** Chunks before this one are hashed. */
  private numHashed = 0;
  /** Hashing goes in order, one chunk at a time. */
  private hashing: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: HttpClient,
    private readonly file: RemoteFile,
    private readonly partial: PartialFile,
    private readonly hasher: Hasher | undefined,
  ) {
    for (const chunk of partial.chunks) this.loaded += this.bytesOf(chunk);
  }

  async readInParallel(numParallel: number): Promise<void> {
    this.report(0);
    const missing = Array.from({ length: chunkCount(this.file) }, (_, chunk) => chunk).filter(
      (chunk) => !this.partial.chunks.has(chunk),
    );
    let failed = false;
    const work = async () => {
      for (let chunk = missing.shift(); chunk !== undefined && !failed; chunk = missing.shift()) {
        const range = chunkRange(chunk, this.file);
        try {
          await this.keep(chunk, await readRange(this.client, this.file, range, (count) => this.report(count)));
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    const results = await Promise.allSettled(Array.from({ length: Math.min(numParallel, missing.length) }, work));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
  }

  /** For servers that know no ranges: all of the file in one stream, from the start again if it is cut. */
  async readInOrder(): Promise<void> {
    const { client, file } = this;
    for (let attempt = 1; ; attempt++) {
      this.loaded = 0;
      const answer = await client.request(file.url, { headers: { 'Accept-Encoding': 'identity' } });
      let problem: string;
      try {
        const got = await this.keepStream(answer);
        if (got === file.sizeBytes) return;
        problem = `expected ${file.sizeBytes} bytes of ${file.path}, got ${got}`;
      } catch (cause) {
        client.options.signal?.throwIfAborted();
        if (cause instanceof MuseError) throw cause;
        problem = `expected ${file.sizeBytes} bytes of ${file.path}, got a cut connection`;
      }
      if (attempt >= client.maxAttempts) throw client.error(problem);
      await client.waitToRetry(attempt, problem);
    }
  }

  async finishHash(): Promise<string | undefined> {
    await this.hashOn();
    return this.hasher?.hex();
  }

  private async keepStream(answer: Response): Promise<number> {
    const { sizeBytes, chunkBytes } = this.file;
    let got = 0;
    let buffer = new Uint8Array(Math.min(chunkBytes, sizeBytes));
    let filled = 0;
    for await (const piece of readBody(answer, this.client.stallMs)) {
      if (got + piece.length > sizeBytes) return got + piece.length;
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + buffer.length - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        got += part.length;
        if (filled < buffer.length) continue;
        await this.keep(Math.ceil(got / chunkBytes) - 1, buffer);
        buffer = new Uint8Array(Math.min(chunkBytes, sizeBytes - got));
        filled = 0;
      }
      this.report(piece.length);
    }
    return got;
  }

  private async keep(chunk: number, bytes: Uint8Array): Promise<void> {
    // What was there before is hashed as it is there, not as it came again.
    if (this.partial.chunks.has(chunk)) return this.hashOn();
    await this.partial.write(chunk, bytes);
    return this.hashOn(chunk, bytes);
  }

  /** Hashes on as far as there are chunks; the one that just came need not be read again. */
  private hashOn(fresh?: number, bytes?: Uint8Array): Promise<void> {
    const { hasher, partial } = this;
    if (!hasher) return this.hashing;
    this.hashing = this.hashing.then(async () => {
      for (; partial.chunks.has(this.numHashed); this.numHashed++) {
        hasher.update(this.numHashed === fresh ? bytes! : await partial.read(this.numHashed));
      }
    });
    return this.hashing;
  }

  private bytesOf(chunk: number): number {
    const [begin, end] = chunkRange(chunk, this.file);
    return end - begin;
  }

  private report(count: number): void {
    const { path, sizeBytes: total } = this.file;
    const { name, onProgress } = this.client.options;
    this.loaded += count;
    const { loaded } = this;
    onProgress?.({
      status: 'fetch',
      name,
      file: path,
      loaded,
      total,
      progress: total === 0 ? 100 : (100 * loaded) / total,
    });
  }
}
