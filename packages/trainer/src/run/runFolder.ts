/** Where a run keeps its files. `nodeRunFolder` of `@muse/trainer/node` is one on disk; paths use `/`. */
export interface RunFolder {
  /** For messages. */
  readonly location: string;
  /** @throws WeightError naming the file if it is missing */
  read(path: string): Promise<Uint8Array>;
  /** All or nothing; makes the folders above it. */
  write(path: string, content: Uint8Array | string): Promise<void>;
  append(path: string, content: Uint8Array | string): Promise<void>;
  /** Names in a folder, sorted; empty if there is none. */
  list(path: string): Promise<string[]>;
  /** Moves a file or folder; atomic. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all in it; does nothing if there is none. */
  remove(path: string): Promise<void>;
}
