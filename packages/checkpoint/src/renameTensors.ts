import { WeightError } from '@muse/backend';
import type { Checkpoint } from './checkpoint.js';

/**
 * The same checkpoint under other names: a `weights.ts` maps upstream's names to ours by it. Tensors for which `rename`
 * gives undefined are left out. Closing it closes the checkpoint.
 *
 * @throws WeightError when two tensors get one name
 */
export function renameTensors(checkpoint: Checkpoint, rename: (name: string) => string | undefined): Checkpoint {
  const place = { package: 'checkpoint', in: 'renameTensors' };
  const originals = new Map<string, string>();
  for (const original of checkpoint.names) {
    const name = rename(original);
    if (name === undefined) continue;
    const other = originals.get(name);
    if (other !== undefined) {
      throw new WeightError(place, `${checkpoint.name}: expected one tensor for ${name}, got ${other} and ${original}`);
    }
    originals.set(name, original);
  }
  const originalOf = (name: string) => {
    const original = originals.get(name);
    if (original !== undefined) return original;
    throw new WeightError(place, `${checkpoint.name}: expected a tensor ${name}, got none among ${originals.size}`);
  };
  return {
    name: checkpoint.name,
    names: [...originals.keys()],
    metadata: checkpoint.metadata,
    info: (name) => checkpoint.info(originalOf(name)),
    read: async (name) => checkpoint.read(originalOf(name)),
    readBytes: (name, into, start) => checkpoint.readBytes?.(originalOf(name), into, start),
    readRows: async (name, start, count, into) => checkpoint.readRows(originalOf(name), start, count, into),
    close: () => checkpoint.close(),
  };
}
