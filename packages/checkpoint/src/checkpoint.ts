import { WeightError } from '@muse/backend';
import type { ByteSource, FolderSource } from './byteSource.js';
import { readExactly, readSafetensorsHeader } from './safetensorsHeader.js';
import { openShards } from './shards.js';
import { decodeTensor, type TensorData, type TensorInfo } from './tensorData.js';
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
