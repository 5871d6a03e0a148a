import { type FolderSource, openModelFolder } from '@muse/checkpoint';
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
  const components: ComponentReport[] = [];
  for (const name of folder.weighted) {
    const className = folder.index.components[name]!;
    const checkpoint = await (await folder.component(name)).checkpoint();
    try {
      const infos = checkpoint.names.map((tensor) => checkpoint.info(tensor));
      const sizes = infos.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
      components.push({
        name,
        className,
        numParameters: sizes.reduce((sum, size) => sum + size, 0),
        sizeBytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        largestTensorBytes: 4 * sizes.reduce((most, size) => Math.max(most, size), 0),
      });
    } finally {
      await checkpoint.close();
    }
  }
  const { index } = folder;
  const numWeights = new Map(components.map(({ name, numParameters }) => [name, numParameters]));
  const { bytes: wasmBytes } = planOnWasm({ index, numWeights, t5: await t5ConfigOf(folder) });
  return { name: index.name, license: index.license, components, wasmBytes };
}
