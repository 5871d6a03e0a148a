import { readFile } from 'node:fs/promises';
import { isInnerPath } from '../../byteSource.js';
import type { ListedFile } from '../../hub/listing.js';
import { isObject } from '../../safetensorsHeader.js';

/** Of huggingface_hub's `trees/<commit>.json`. */
const FORMAT_VERSION = 1;

/** The files of a commit as huggingface_hub 2 keeps them. */
export function treeJson(files: ReadonlyMap<string, ListedFile>): string {
  const entries = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, { sizeBytes, hash, gitHash }]) => {
      const large = hash?.kind === 'sha256' && { lfs_sha256: hash.hex, lfs_size: sizeBytes };
      return [path, { size: sizeBytes, blob_id: gitHash ?? hash?.hex, ...large }] as const;
    });
  return JSON.stringify({ format_version: FORMAT_VERSION, files: Object.fromEntries(entries) }, null, 1);
}

/** A file that is missing, of another version or broken is as none: the list is fetched again. */
export async function readTree(path: string): Promise<Map<string, ListedFile> | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!isObject(json) || json.format_version !== FORMAT_VERSION || !isObject(json.files)) return undefined;
    return new Map(Object.entries(json.files).map(([name, entry]) => [name, parseEntry(name, entry)]));
  } catch {
    return undefined;
  }
}

function parseEntry(path: string, entry: unknown): ListedFile {
  const { size, blob_id: blobId, lfs_sha256: sha256 } = isObject(entry) ? entry : {};
  const isHex = (value: unknown, length: number): value is string =>
    typeof value === 'string' && value.length === length && /^[0-9a-f]+$/.test(value);
  if (!isInnerPath(path) || !Number.isSafeInteger(size) || (size as number) < 0) throw new Error(path);
  const sizeBytes = size as number;
  const gitHash = isHex(blobId, 40) ? blobId : undefined;
  if (isHex(sha256, 64)) return { sizeBytes, hash: { kind: 'sha256', hex: sha256 }, gitHash };
  if (gitHash === undefined || sha256 !== undefined) throw new Error(path);
  return { sizeBytes, hash: { kind: 'git-sha1', hex: gitHash }, gitHash };
}
