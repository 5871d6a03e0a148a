import { WeightError } from '@muse/backend';
import type { ByteSource, FolderSource } from './byteSource.js';
import { readExactly, readSafetensorsHeader } from './safetensorsHeader.js';
import { openShards } from './shards.js';
import { decodeTensor, isSizes, type TensorData, type TensorInfo } from './tensorData.js';
import { findWeights } from './weightFiles.js';

/** The tensors of one model, read one at a time. */
export interface Checkpoint {
  /** For messages: file or folder. */
  readonly name: string;
  /** Names of the tensors, in the order of their bytes. */
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** @throws WeightError when there is no such tensor */
  info(name: string): TensorInfo;
  /** Reads this tensor's bytes only. Rejects with a WeightError when there is no such tensor or its bytes can't be had. */
  read(name: string): Promise<TensorData>;
  /**
   * Reads the bytes of `count` rows from `start` on only, a row being all values of one index of the first axis: a part of
   * an embedding, or of a tensor that is too large at once. Rejects with a WeightError when there are no such rows.
   *
   * @param into of floats: takes the rows' values, as many as there are, and is then `data`
   */
  readRows(name: string, start: number, count: number, into?: Float32Array): Promise<TensorData>;
  /**
   * A tensor's bytes as they stand in the file. Absent, or nothing, where its values are not the file's own.
   *
   * @param into of the tensor's size, or of a part's: may take the bytes, and is then the result
   * @param start of the part, in bytes. Default 0
   */
  readBytes?(name: string, into?: Uint8Array, start?: number): Promise<Uint8Array> | undefined;
  close(): Promise<void>;
}

export interface OpenCheckpointOptions {
  /** File of the folder to open, instead of the usual names: `diffusion_pytorch_model.fp16.safetensors`, some `….index.json`. */
  readonly file?: string;
}

/**
 * Opens a safetensors file, or a folder that holds one (whole or in shards), and checks all of its header; reads no tensor.
 * The caller closes the checkpoint, which closes the source.
 *
 * @throws WeightError when there is no such file or it is not sound: see {@link readSafetensorsHeader}
 */
export async function openCheckpoint(
  source: ByteSource | FolderSource,
  { file }: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  if ('read' in source) return openSafetensors(source);
  const path = file ?? (await findWeights(source));
  if (path.endsWith('.index.json')) return openShards(source, path, openSafetensors);
  return openSafetensors(await source.open(path));
}

async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  const { metadata, tensors } = await closeOnError(source, () => readSafetensorsHeader(source));
  const entry = (name: string) => {
    const found = tensors.get(name);
    if (found) return found;
    throw new WeightError(
      { package: 'checkpoint', in: 'read' },
      `${source.name}: expected a tensor ${name}, got none among ${tensors.size}`,
    );
  };
  /** Memory that reads under way don't use. */
  const spare: ArrayBuffer[] = [];
  return {
    name: source.name,
    names: [...tensors.keys()],
    metadata,
    info(name) {
      const { dtype, shape, sizeBytes } = entry(name);
      return { dtype, shape, sizeBytes };
    },
    async read(name) {
      const { dtype, shape, sizeBytes, offset } = entry(name);
      return { dtype, shape, data: decodeTensor(dtype, await readExactly(source, offset, sizeBytes)) };
    },
    async readBytes(name, into, start = 0) {
      const { sizeBytes, offset } = entry(name);
      return readExactly(source, offset + start, into?.length ?? sizeBytes, into);
    },
    async readRows(name, start, count, into) {
      const { dtype, shape, sizeBytes, offset } = entry(name);
      const numRows = shape[0] ?? 0;
      checkRows(source.name, name, numRows, start, count);
      const rowBytes = numRows === 0 ? 0 : sizeBytes / numRows;
      const length = count * rowBytes;
      const buffer = into && takeBuffer(spare, length);
      const bytes = await readExactly(source, offset + start * rowBytes, length, buffer);
      const data = decodeTensor(dtype, bytes, into);
      if (buffer) spare.push(buffer.buffer);
      return { dtype, shape: [count, ...shape.slice(1)], data };
    },
    close: () => source.close(),
  };
}

async function closeOnError<T>(source: ByteSource, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Memory of an earlier read where it is large enough. */
function takeBuffer(spare: ArrayBuffer[], length: number): Uint8Array<ArrayBuffer> {
  const buffer = spare.pop();
  return buffer && buffer.byteLength >= length ? new Uint8Array(buffer, 0, length) : new Uint8Array(length);
}

/** @throws WeightError when a tensor has no such rows */
export function checkRows(file: string, tensor: string, numRows: number, start: number, count: number): void {
  if (isSizes([start, count]) && start + count <= numRows) return;
  throw new WeightError(
    { package: 'checkpoint', in: 'readRows' },
    `${file}: expected rows of the ${numRows} of tensor ${tensor}, got ${count} from ${start} on`,
  );
}
