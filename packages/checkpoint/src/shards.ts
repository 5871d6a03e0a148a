import { WeightError } from '@muse/backend';
import { type ByteSource, type FolderSource, isInnerPath } from './byteSource.js';
import type { Checkpoint } from './checkpoint.js';
import { readJson } from './readFile.js';
import { isObject, kind } from './safetensorsHeader.js';

/**
 * Opens the shards that an index lists (`{ "weight_map": { tensor: file } }`, as transformers and diffusers write it) as
 * one checkpoint. Index and shards must agree in both directions.
 *
 * @throws WeightError that names the index and every tensor in the wrong place
 */
export async function openShards(
  folder: FolderSource,
  indexPath: string,
  open: (source: ByteSource) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const name = `${folder.location}/${indexPath}`;
  const weightMap = checkIndex(name, await readJson(folder, indexPath));
  const parent = indexPath.includes('/') ? indexPath.slice(0, indexPath.lastIndexOf('/') + 1) : '';
  const shards = new Map<string, Checkpoint>();
  const close = async () => {
    await Promise.all([...shards.values()].map((shard) => shard.close()));
  };
  try {
    for (const file of [...new Set(weightMap.values())].sort()) {
      shards.set(file, await open(await folder.open(parent + file)));
    }
    checkAgreement(name, weightMap, shards);
  } catch (error) {
    await close();
    throw error;
  }
  const shardOf = (tensor: string) => {
    const shard = shards.get(weightMap.get(tensor) ?? '');
    if (shard) return shard;
    throw problem(name, `expected a tensor ${tensor}, got none among ${weightMap.size}`);
  };
  return {
    name,
    names: [...shards.values()].flatMap((shard) => shard.names),
    metadata: Object.fromEntries([...shards.values()].flatMap((shard) => Object.entries(shard.metadata))),
    info: (tensor) => shardOf(tensor).info(tensor),
    read: async (tensor) => shardOf(tensor).read(tensor),
    readBytes: (tensor, into, start) => shardOf(tensor).readBytes?.(tensor, into, start),
    readRows: async (tensor, start, count, into) => shardOf(tensor).readRows(tensor, start, count, into),
    close,
  };
}

function checkIndex(name: string, json: unknown): Map<string, string> {
  const weightMap = isObject(json) ? json.weight_map : undefined;
  if (!isObject(weightMap)) throw problem(name, `expected weight_map to be an object, got ${kind(weightMap)}`);
  const entries = Object.entries(weightMap);
  if (entries.length === 0) throw problem(name, 'expected tensors in weight_map, got none');
  return new Map(
    entries.map(([tensor, file]) => {
      if (typeof file === 'string' && isInnerPath(file)) return [tensor, file];
      throw problem(name, `expected weight_map.${tensor} to be a file name, got ${JSON.stringify(file)}`);
    }),
  );
}

function checkAgreement(name: string, weightMap: Map<string, string>, shards: Map<string, Checkpoint>): void {
  const wrong: string[] = [];
  const held = new Map<string, string[]>();
  for (const [file, shard] of shards) {
    for (const tensor of shard.names) held.set(tensor, [...(held.get(tensor) ?? []), file]);
  }
  for (const [tensor, file] of weightMap) {
    const files = held.get(tensor) ?? [];
    if (!files.includes(file)) wrong.push(`${tensor} is not in ${file}`);
  }
  for (const [tensor, files] of held) {
    for (const file of files)
      if (weightMap.get(tensor) !== file) wrong.push(`${tensor} of ${file} is not in the index`);
  }
  if (wrong.length > 0) throw problem(name, `expected index and shards to agree, got:\n  ${wrong.join('\n  ')}`);
}

function problem(name: string, message: string): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'openCheckpoint' }, `${name}: ${message}`);
}
