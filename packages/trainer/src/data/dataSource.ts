/** Captioned images of one step. */
export interface ImageBatch {
  /** f32 [B·H·W·3] in [0, 1]. */
  readonly images: Float32Array;
  readonly captions: readonly string[];
}

/** Where training images come from. A batch is a function of (seed, index) alone, so that a run can be resumed anywhere. */
export interface DataSource {
  readonly imageSize: number;
  /** @param index counts batches from 0 */
  batch(index: number, batchSize: number): Promise<ImageBatch>;
}

/**
 * Starts on batch i + 1 as soon as batch i was handed out, so that decoding files runs beside the training step where the
 * platform has threads for it.
 */
export function prefetched(source: DataSource): DataSource {
  let next: { index: number; batchSize: number; batch: Promise<ImageBatch> } | undefined;
  return {
    imageSize: source.imageSize,
    async batch(index, batchSize) {
      const hit = next?.index === index && next.batchSize === batchSize ? next.batch : source.batch(index, batchSize);
      const batch = await hit;
      next = { index: index + 1, batchSize, batch: source.batch(index + 1, batchSize) };
      // A failure shows when the batch is asked for; until then it must not count as unhandled.
      next.batch.catch(() => {});
      return batch;
    },
  };
}

/** The same batch for ever: a sound set-up learns it by heart within a few hundred steps. */
export function repeatedBatch(source: DataSource): DataSource {
  return { imageSize: source.imageSize, batch: (_, batchSize) => source.batch(0, batchSize) };
}
