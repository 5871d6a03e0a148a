import type { Backend } from '@muse/backend';
import { type Checkpoint, loadParameters, type ParameterSpec, type Parameters, renameTensors } from '@muse/checkpoint';
import type { T5Config } from '../config.js';
import { positionBiasName, t5Parameters } from '../parameters.js';

/** Gives the weights of an encoder a block at a time. */
export interface BlockSource {
  /** The weights of one block, matrices as in the file, [out, in]. The caller disposes them. */
  block(layer: number): Promise<Parameters>;
}

/**
 * The specs with every matrix as it lies in the file: a streamed weight is used once, so turning it around would cost more
 * than the product that it is for.
 */
export function fileLayout(specs: readonly ParameterSpec[]): ParameterSpec[] {
  return specs.map((spec) => ({ ...spec, layout: 'none' }));
}

/** Specs of the tensors of one block; the position bias, which all blocks share, is none of them. */
export function blockSpecs(config: T5Config, layer: number): ParameterSpec[] {
  const prefix = `encoder.block.${layer}.`;
  return fileLayout(t5Parameters(config)).filter(({ name }) => name.startsWith(prefix) && name !== positionBiasName);
}

/** Some of a checkpoint's tensors on the device. The caller disposes them. */
export function loadSome(
  backend: Backend,
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
): Promise<Parameters> {
  const wanted = new Set(specs.map(({ name }) => name));
  const subset = renameTensors(checkpoint, (name) => (wanted.has(name) ? name : undefined));
  return loadParameters(backend, subset, specs);
}

/** Blocks read from the file each time that they are asked for. */
export function checkpointBlocks(backend: Backend, checkpoint: Checkpoint, config: T5Config): BlockSource {
  return { block: (layer) => loadSome(backend, checkpoint, blockSpecs(config, layer)) };
}
