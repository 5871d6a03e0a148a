import { type ErrorPlace, WeightError } from '@muse/backend';
import type { Checkpoint } from '@muse/checkpoint';
import { downsampleFactorOf, resolveVQGANConfig, type VQGANConfig } from '../config.js';
import type { VQGANStructure } from '../structure.js';

/** Both layouts number levels from the finest, `encoder.down.0`, `decoder.up.0`, and always norm in 32 groups. */
const NORM_NUM_GROUPS = 32;
/** Of the grid that the models were trained on, 256 pixels at f16; images may have any size. */
const USUAL_GRID_SIDE = 16;

/**
 * Configuration of a VQGAN by the names and shapes of its tensors, in the layout that taming-transformers and MaskGIT's ports
 * share. Reads no tensor.
 *
 * @throws WeightError naming a tensor that such a file has and this one lacks
 */
export function inferConfig(checkpoint: Checkpoint, structure: VQGANStructure, place: ErrorPlace): VQGANConfig {
  const names = new Set(checkpoint.names);
  const sizeOf = (name: string, axis: number): number => {
    if (!names.has(name)) {
      throw new WeightError(place, `${checkpoint.name}: expected a tensor ${name}, got none among ${names.size}`);
    }
    return checkpoint.info(name).shape[axis] ?? 0;
  };
  const countBlocks = (level: string) => countWhile((block) => names.has(`${level}.block.${block}.conv1.weight`));
  const numLevels = countWhile((level) => names.has(`encoder.down.${level}.block.0.conv1.weight`));
  const channels = (part: string) =>
    Array.from({ length: Math.max(numLevels, 1) }, (_, level) => sizeOf(`${part}.${level}.block.0.conv1.weight`, 0));
  const blockOutChannels = channels('encoder.down');
  return resolveVQGANConfig({
    imageSize: USUAL_GRID_SIDE * downsampleFactorOf({ blockOutChannels }),
    blockOutChannels,
    layersPerBlock: countBlocks('encoder.down.0'),
    decoderBlockOutChannels: channels('decoder.up'),
    // Ours is one less than there are.
    decoderLayersPerBlock: countBlocks('decoder.up.0') - 1,
    normNumGroups: NORM_NUM_GROUPS,
    codebookSize: sizeOf('quantize.embedding.weight', 0),
    codebookDim: sizeOf('quantize.embedding.weight', 1),
    structure,
  });
}

/** How many numbers from 0 on fulfil a condition. */
export function countWhile(holds: (index: number) => boolean): number {
  let count = 0;
  while (holds(count)) count++;
  return count;
}
