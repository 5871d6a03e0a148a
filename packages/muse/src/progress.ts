import type { ByteSource, FolderSource } from '@muse/checkpoint';

/** What loading reports; the statuses are those of transformers.js, `device` is ours. */
export type LoadProgress =
  | {
      /** A file is looked for; it is there and its size known; it is read. */
      readonly status: 'initiate' | 'download' | 'done';
      /** Where the model is: a folder, a package. */
      readonly name: string;
      readonly file: string;
    }
  | {
      readonly status: 'progress';
      readonly name: string;
      readonly file: string;
      /** Bytes read of `total`. */
      readonly loaded: number;
      readonly total: number;
      /** In percent. */
      readonly progress: number;
    }
  | { readonly status: 'device'; readonly device: string; readonly reason: string }
  | { readonly status: 'ready'; readonly name: string };

export interface WatchOptions {
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** A folder whose reads are reported, and rejected once the signal is aborted. */
export function watchFolder(folder: FolderSource, { onProgress, signal }: WatchOptions): FolderSource {
  const name = folder.location;
  return {
    location: name,
    variant: folder.variant,
    has: (path) => folder.has(path),
    async open(file) {
      signal?.throwIfAborted();
      onProgress?.({ status: 'initiate', name, file });
      const source = await folder.open(file);
      onProgress?.({ status: 'download', name, file });
      return watchSource(source, { name, file }, { onProgress, signal });
    },
  };
}

function watchSource(source: ByteSource, at: { name: string; file: string }, options: WatchOptions): ByteSource {
  const { onProgress, signal } = options;
  const total = source.sizeBytes;
  let loaded = 0;
  return {
    name: source.name,
    sizeBytes: total,
    async read(offset, length, into) {
      signal?.throwIfAborted();
      const bytes = await source.read(offset, length, into);
      // Headers may be read twice.
      loaded = Math.min(total, loaded + length);
      onProgress?.({ status: 'progress', ...at, loaded, total, progress: total === 0 ? 100 : (100 * loaded) / total });
      return bytes;
    },
    async close() {
      await source.close();
      onProgress?.({ status: 'done', ...at });
    },
  };
}
