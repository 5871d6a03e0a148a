import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** A model that the server has. */
export interface HubModel {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Branches and tags beside `main`. */
  readonly refs?: readonly string[];
  /** Needs this token. */
  readonly token?: string;
  /** Its terms have been accepted by nobody. */
  readonly isGated?: boolean;
}

export interface ServedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly gitHash: string;
  /** Of large files, which are served by another host. */
  readonly sha256?: string;
}

export interface ServedModel extends HubModel {
  readonly commit: string;
  readonly served: ReadonlyMap<string, ServedFile>;
}

const sha = (algorithm: string, ...parts: (string | Uint8Array)[]) => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** What git and git-lfs make of the files. */
export function serveModel(model: HubModel): ServedModel {
  const served = new Map<string, ServedFile>();
  for (const [path, bytes] of model.files) {
    if (!path.endsWith('.safetensors')) {
      served.set(path, { path, bytes, gitHash: gitHash(bytes) });
      continue;
    }
    const sha256 = sha('sha256', bytes);
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.length}\n`;
    served.set(path, { path, bytes, sha256, gitHash: gitHash(new TextEncoder().encode(pointer)) });
  }
  const commit = sha('sha1', ...[...served.values()].flatMap((file) => [file.path, file.gitHash]));
  return { ...model, commit, served };
}

function gitHash(bytes: Uint8Array): string {
  return sha('sha1', `blob ${bytes.length}\0`, bytes);
}

/** All files of a folder, for a model. */
export async function folderFiles(folder: string): Promise<Map<string, Uint8Array>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.map(
      async (path) => [relative(folder, path).replaceAll('\\', '/'), new Uint8Array(await readFile(path))] as const,
    ),
  );
  return new Map(files);
}
