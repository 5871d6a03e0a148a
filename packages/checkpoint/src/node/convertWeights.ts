import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError } from '@muse/backend';
import type { Checkpoint } from '../checkpoint.js';
import { layOutSafetensors } from '../encodeSafetensors.js';
import { type DType, dtypeSizes, elementCount, encodeTensor, isFloat } from '../tensorData.js';
import { writeChunksAtomic, writeFileAtomic } from './writeFileAtomic.js';

export interface ConvertWeightsOptions {
  /** Of the float tensors; integers keep theirs. Default: as they are. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  /** Largest file; more become shards with an index, as transformers and diffusers write them. Default: one file. */
  readonly maxShardBytes?: number;
  /** Default: the source's. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Called after each tensor. */
  readonly onTensor?: (done: { readonly name: string; readonly index: number; readonly count: number }) => void;
  readonly signal?: AbortSignal;
}

export interface ConvertedWeights {
  /** Paths of what was written: one file, or shards and their index. */
  readonly files: readonly string[];
  readonly sizeBytes: number;
}

interface Shard {
  readonly infos: Map<string, { dtype: DType; shape: readonly number[] }>;
  sizeBytes: number;
}

/**
 * Writes a checkpoint's tensors as `path` (`….safetensors`), or as shards `…-00001-of-00003.safetensors` and
 * `….safetensors.index.json` beside, each file atomically, one tensor in memory at a time. F16 and BF16 round to nearest,
 * ties to even; to F32 and between equal dtypes nothing is lost.
 *
 * @throws WeightError for a value too large for F16
 * @throws ConfigError for a path or size that can't be; when a file can't be written
 */
export async function convertWeights(
  checkpoint: Checkpoint,
  path: string,
  { dtype, maxShardBytes = Number.POSITIVE_INFINITY, metadata, onTensor, signal }: ConvertWeightsOptions = {},
): Promise<ConvertedWeights> {
  const place = { package: 'checkpoint', in: 'convertWeights' };
  if (!path.endsWith('.safetensors')) {
    throw new ConfigError(place, `expected a path that ends in .safetensors, got ${path}`);
  }
  if (!(maxShardBytes >= 1)) throw new ConfigError(place, `expected maxShardBytes of at least 1, got ${maxShardBytes}`);
  const shards = planShards(checkpoint, dtype, maxShardBytes);
  const stem = path.slice(0, -'.safetensors'.length);
  const number = (n: number) => String(n).padStart(5, '0');
  const paths =
    shards.length === 1
      ? [path]
      : shards.map((_, index) => `${stem}-${number(index + 1)}-of-${number(shards.length)}.safetensors`);
  await mkdir(dirname(path), { recursive: true });
  const count = checkpoint.names.length;
  let index = 0;
  let sizeBytes = 0;
  const written: string[] = [];
  try {
    for (const [i, shard] of shards.entries()) {
      const layout = layOutSafetensors(shard.infos, metadata ?? checkpoint.metadata);
      sizeBytes += layout.sizeBytes;
      await writeChunksAtomic(
        paths[i]!,
        (async function* () {
          yield layout.header;
          for (const name of layout.order) {
            signal?.throwIfAborted();
            const { shape, data } = await checkpoint.read(name);
            yield encodeTensor(name, { dtype: shard.infos.get(name)!.dtype, shape, data });
            onTensor?.({ name, index: index++, count });
          }
        })(),
      );
      written.push(paths[i]!);
    }
    if (shards.length > 1) written.push(await writeIndex(path, shards, paths));
  } catch (error) {
    // Some of the shards without the others are of no use.
    if (shards.length > 1) for (const file of written) await rm(file, { force: true });
    throw error;
  }
  return { files: written, sizeBytes };
}

/** Tensors in the order of the source, a new shard where the next would not fit. */
function planShards(checkpoint: Checkpoint, dtype: DType | undefined, maxShardBytes: number): Shard[] {
  const shards: Shard[] = [];
  for (const name of checkpoint.names) {
    const { dtype: own, shape } = checkpoint.info(name);
    const kept = dtype !== undefined && isFloat(own) ? dtype : own;
    const sizeBytes = elementCount(shape) * dtypeSizes[kept];
    let shard = shards.at(-1);
    if (!shard || (shard.sizeBytes + sizeBytes > maxShardBytes && shard.infos.size > 0)) {
      shard = { infos: new Map(), sizeBytes: 0 };
      shards.push(shard);
    }
    shard.infos.set(name, { dtype: kept, shape });
    shard.sizeBytes += sizeBytes;
  }
  return shards.length > 0 ? shards : [{ infos: new Map(), sizeBytes: 0 }];
}

async function writeIndex(path: string, shards: readonly Shard[], paths: readonly string[]): Promise<string> {
  const entries = shards.flatMap(({ infos }, i) => [...infos.keys()].map((name) => [name, basename(paths[i]!)]));
  const index = {
    metadata: { total_size: shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
    weight_map: Object.fromEntries(entries.sort(([a], [b]) => (a! < b! ? -1 : 1))),
  };
  const indexPath = join(dirname(path), `${basename(path)}.index.json`);
  await writeFileAtomic(indexPath, `${JSON.stringify(index, null, 2)}\n`);
  return indexPath;
}
