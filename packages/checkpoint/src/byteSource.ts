import { WeightError } from '@muse/backend';

/** Random access to the bytes of one file, wherever it lies. */
export interface ByteSource {
  /** For messages: a path, a URL. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Exactly `length` bytes from `offset`, which the caller owns. Rejects with a WeightError when they can't be had.
   *
   * @param into memory of this length that a source may use, so that reading a large file leaves none to be collected
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A folder of files, wherever it lies. Paths are relative, with `/`, and never leave the folder. */
export interface FolderSource {
  /** For messages: a path, a URL. */
  readonly location: string;
  /** The caller closes it. Rejects with a WeightError that names the file when it is not there. */
  open(path: string): Promise<ByteSource>;
  has(path: string): Promise<boolean>;
  /** The kind of weights it gives for the usual names, `fp16`; for messages. */
  readonly variant?: string;
  /** Of a model on the hub: the commit that all its files are of. */
  readonly commit?: string;
  /**
   * The same files, to look into, where opening one of this folder would download it: of a file that is not here yet only what
   * is read is fetched, and nothing of it is kept.
   */
  readonly headers?: FolderSource;
}

/** A relative path inside a folder: no empty parts, no `.` or `..`, no backslash. */
export function isInnerPath(path: string): boolean {
  return !path.includes('\\') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Bytes in memory as a source. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) {
        throw new WeightError(
          { package: 'checkpoint', in: 'read' },
          `expected ${length} bytes at ${offset} of ${name}, got a file of ${bytes.length} bytes`,
        );
      }
      return bytes.slice(offset, offset + length);
    },
    async close() {},
  };
}

/** Files in memory, by their paths, as a folder: a browser's downloads, a test's fixture. */
export function memoryFolder(location: string, files: ReadonlyMap<string, Uint8Array>): FolderSource {
  return {
    location,
    async open(path) {
      const bytes = files.get(path);
      if (!bytes) throw missingFile(location, path);
      return memorySource(`${location}/${path}`, bytes);
    },
    async has(path) {
      return files.has(path);
    },
  };
}

/** A folder inside a folder. */
export function subFolder(folder: FolderSource, path: string): FolderSource {
  return {
    location: `${folder.location}/${path}`,
    variant: folder.variant,
    commit: folder.commit,
    open: (inner) => folder.open(`${path}/${inner}`),
    has: (inner) => folder.has(`${path}/${inner}`),
  };
}

/** What `open` rejects with when a file is not in the folder. */
export function missingFile(location: string, path: string, options?: ErrorOptions): WeightError {
  return new WeightError(
    { package: 'checkpoint', in: 'open' },
    `expected a file ${path} in ${location}, got none`,
    options,
  );
}
