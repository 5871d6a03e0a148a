import { type FolderSource, openModelFolder } from '@muse/checkpoint';
import { componentSizes } from '../componentSizes.js';
import { planOnWasm, t5ConfigOf } from '../planMemory.js';

/** A part of a model, by the headers of its files. */
export interface ComponentReport {
  readonly name: string;
  /** The class that reads it. */
  readonly className: string;
  readonly numParameters: number;
  /** On disk, or to download. */
  readonly sizeBytes: number;
  /** In f32, as the device holds it. */
  readonly largestTensorBytes: number;
}

/** What can be said of a model before it is loaded. */
export interface ModelReport {
  readonly name: string;
  readonly license: string;
  readonly components: readonly ComponentReport[];
  /** What the model takes of WebAssembly's memory; above 2³² it is refused there. */
  readonly wasmBytes: number;
}

/**
 * Reads the index and the weight files' headers, no weights.
 *
 * @throws WeightError, ConfigError for a folder that is no model
 */
export async function inspectModel(source: FolderSource): Promise<ModelReport> {
  const folder = await openModelFolder(source);
  const { index } = folder;
  const sizes = await componentSizes(folder);
  const components = sizes.map(({ name, numWeights, sizeBytes, largestTensor }) => ({
    name,
    className: index.components[name]!,
    numParameters: numWeights,
    sizeBytes,
    largestTensorBytes: 4 * largestTensor,
  }));
  const { bytes: wasmBytes } = planOnWasm({ index, components: sizes, t5: await t5ConfigOf(folder) });
  return { name: index.name, license: index.license, components, wasmBytes };
}
