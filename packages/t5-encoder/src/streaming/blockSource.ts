import type { Backend } from '@muse/backend';
import {
  type Checkpoint,
  loadParameters,
  type ParameterSpec,
  type Parameters,
  readFloats,
  renameTensors,
} from '@muse/checkpoint';
import type { T5Config } from '../config.js';
import { positionBiasName, t5Parameters } from '../parameters.js';

/** Gives the weights of an encoder a block at a time. */
export interface BlockSource {
  /** The weights of one block, matrices as in the file, [out, in]. The caller disposes them before it asks for another. */
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

/**
 * Blocks read from the file each time that they are asked for. All blocks are of one shape, and each is read into the memory
 * of the one before, so that the peak does not depend on when garbage is collected. So a block's tensors must be disposed
 * before the next is asked for.
 *
 * @throws WeightError (from `block`) naming the tensor with a value that is not finite
 */
export function checkpointBlocks(backend: Backend, checkpoint: Checkpoint, config: T5Config): BlockSource {
  // Such a device widens and checks a file's bytes itself, in all of its threads.
  if (backend.widenFloats) return { block: (layer) => loadSome(backend, checkpoint, blockSpecs(config, layer)) };
  const memory = new Map<string, Float32Array>();
  return {
    async block(layer) {
      const specs = blockSpecs(config, layer);
      const valuesOf = new Map<string, Float32Array>();
      for (const { name, shape } of specs) {
        const part = name.slice(`encoder.block.${layer}.`.length);
        const values = memory.get(part) ?? new Float32Array(shape.reduce((product, size) => product * size, 1));
        memory.set(part, values);
        valuesOf.set(name, values);
      }
      const reading = readFloats(checkpoint, [...valuesOf.keys()], { into: (name) => valuesOf.get(name) });
      for await (const _ of reading);
      return new Map(
        specs.map(({ name, shape }) => [name, backend.tf.tensor(valuesOf.get(name)!, [...shape], 'float32')]),
      );
    },
  };
}
