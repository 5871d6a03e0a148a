import type { ModelFolder } from '@muse/checkpoint';

/** What the headers of a component's weight files say. */
export interface ComponentSize {
  readonly name: string;
  readonly numWeights: number;
  /** On disk, or to download. */
  readonly sizeBytes: number;
  /** Weights of the largest tensor. */
  readonly largestTensor: number;
}

/** Of each component with weights, in the order of the index; no weight is read. */
export async function componentSizes(folder: Pick<ModelFolder, 'weighted' | 'component'>): Promise<ComponentSize[]> {
  const sizes: ComponentSize[] = [];
  for (const name of folder.weighted) {
    const checkpoint = await (await folder.component(name)).checkpoint();
    try {
      const infos = checkpoint.names.map((tensor) => checkpoint.info(tensor));
      const counts = infos.map(({ shape }) => shape.reduce((product, side) => product * side, 1));
      sizes.push({
        name,
        numWeights: counts.reduce((sum, count) => sum + count, 0),
        sizeBytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        largestTensor: counts.reduce((most, count) => Math.max(most, count), 0),
      });
    } finally {
      await checkpoint.close();
    }
  }
  return sizes;
}
