import { WeightError } from '@muse/backend';
import { isInnerPath } from '../byteSource.js';
import { isObject } from '../safetensorsHeader.js';
import type { FileHash } from './hash.js';
import { type HttpClient, HttpError } from './httpClient.js';

/** A file of a model on the hub. */
export interface ListedFile {
  readonly sizeBytes: number;
  /** Unknown of files that others put into a cache. */
  readonly hash?: FileHash;
  /** Git's hash: of a large file it is that of the pointer to it. */
  readonly gitHash?: string;
}

/** What a revision of a model holds. */
export interface Listing {
  /** Git's hash of the revision. */
  readonly commit: string;
  readonly files: ReadonlyMap<string, ListedFile>;
  /** False where it is only what a cache holds. */
  readonly isComplete: boolean;
}

/** Names of a hub's models as huggingface_hub allows them. */
const repoId = /^[A-Za-z0-9_][A-Za-z0-9._-]*\/[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const MAX_ID_LENGTH = 96;

export function isRepoId(text: string): boolean {
  return repoId.test(text) && text.length <= MAX_ID_LENGTH && !/--|\.\.|[.-]$|[.-]\/|\.git$/.test(text);
}

/** A branch, a tag, a commit or `refs/pr/1`: also a path of a cache. */
export function checkRevision(revision: string): void {
  if (isInnerPath(revision) && /^[\w./+@-]+$/.test(revision)) return;
  throw problem(`expected a branch, a tag or a commit as revision, got ${JSON.stringify(revision)}`);
}

/**
 * The files of a revision, with sizes and hashes.
 *
 * @throws HttpError when the hub does not answer or has no such model or revision; WeightError for an answer that is no
 *   listing
 */
export async function fetchListing(
  client: HttpClient,
  endpoint: string,
  id: string,
  revision: string,
): Promise<Listing> {
  // It costs no start of a program that needs no hub.
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  // Token, retries and errors are the client's.
  const fetchJson = ((url: string, init?: { headers?: Record<string, string> }) =>
    client.request(url, { headers: init?.headers })) as typeof fetch;
  const hub = { hubUrl: endpoint, fetch: fetchJson };
  try {
    const { sha } = await modelInfo({ ...hub, name: id, revision, additionalFields: ['sha'] });
    const commit = checkHex(id, 'the commit', sha, 40);
    const files = new Map<string, ListedFile>();
    for await (const entry of listFiles({
      ...hub,
      repo: { type: 'model', name: id },
      revision: commit,
      recursive: true,
    })) {
      if (entry.type === 'file') files.set(...checkFile(id, entry));
    }
    return { commit, files, isComplete: true };
  } catch (error) {
    if (error instanceof HttpError) throw explain(error, id, revision, endpoint);
    if (error instanceof WeightError) throw error;
    throw client.error(`expected ${endpoint} to list the files, got ${(error as Error).message}`, { cause: error });
  }
}

function explain(error: HttpError, id: string, revision: string, endpoint: string): Error {
  if (error.status !== 404) return error;
  const isRevision = error.errorCode === 'RevisionNotFound';
  const got = isRevision ? `no revision ${revision} of it` : 'no such model';
  return new HttpError(id, `expected a model of ${endpoint}, got ${got} (404)`, error);
}

function checkFile(id: string, entry: unknown): [string, ListedFile] {
  const { path, size, oid, lfs } = isObject(entry) ? entry : {};
  if (typeof path !== 'string' || !isInnerPath(path) || path.includes('\0')) {
    throw problem(`${id}: expected paths inside of the model, got ${JSON.stringify(path)}`);
  }
  const large = isObject(lfs) ? lfs : undefined;
  const sizeBytes = large?.size ?? size;
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0) {
    throw problem(`${id}: expected the size of ${path}, got ${JSON.stringify(sizeBytes)}`);
  }
  const gitHash = checkHex(id, `the git hash of ${path}`, oid, 40);
  const hash: FileHash = large
    ? { kind: 'sha256', hex: checkHex(id, `the SHA-256 of ${path}`, large.oid, 64) }
    : { kind: 'git-sha1', hex: gitHash };
  return [path, { sizeBytes: sizeBytes as number, hash, gitHash }];
}

/** Hashes become names of files. */
function checkHex(id: string, what: string, value: unknown, length: number): string {
  if (typeof value === 'string' && value.length === length && /^[0-9a-f]+$/.test(value)) return value;
  throw problem(`${id}: expected ${what} as ${length} hexadecimal digits, got ${JSON.stringify(value)}`);
}

function problem(message: string): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'hubFolder' }, message);
}
