import { WeightError } from '@muse/backend';
import { type ByteSource, type FolderSource, memoryFolder } from '@muse/checkpoint';

/** A file of a model folder: from `<input type="file" webkitdirectory>`, a drop, or made up. */
export interface ModelFile {
  /** Below the folder, with `/`: `transformer/config.json`. */
  readonly path: string;
  readonly file: Blob;
}

/** Files that a visitor chose, as a folder; nothing is read before it is asked for. */
export function filesFolder(location: string, files: readonly ModelFile[]): FolderSource {
  const blobs = new Map(files.map(({ path, file }) => [path, file]));
  const missing = memoryFolder(location, new Map());
  return {
    location,
    async open(path) {
      const blob = blobs.get(path);
      return blob ? blobSource(`${location}/${path}`, blob) : missing.open(path);
    },
    async has(path) {
      return blobs.has(path);
    },
  };
}

/** A Blob as a source of bytes: on disk it stays, but for what is read. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    sizeBytes: blob.size,
    async read(offset, length) {
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      if (bytes.length === length && offset >= 0) return bytes;
      throw new WeightError(
        { package: 'muse', in: 'read' },
        `expected ${length} bytes at ${offset} of ${name}, got a file of ${blob.size} bytes`,
      );
    },
    async close() {},
  };
}
