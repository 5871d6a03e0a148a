import { ConfigError, permutation } from '@muse/backend';
import { stages } from '../randomStages.js';

/** Captioned square images, by index. The same index always gives the same image, or a run could not be resumed. */
export interface Dataset {
  /** Tells one dataset from another: a cache of encoded tokens holds for one. */
  readonly id: string;
  readonly size: number;
  /** Side in pixels. */
  readonly imageSize: number;
  /** f32 [S·S·3] in [0, 1]. */
  image(index: number): Promise<Float32Array>;
  /** One way to say what is in the image; another seed may say it otherwise. */
  caption(index: number, seed: number): string;
}

export interface ImageBatch {
  /** Of the dataset, [B]. */
  readonly indices: Int32Array;
  /** f32 [B·S·S·3] in [0, 1]. */
  readonly images: Float32Array;
}

/** The batches of a run: every image once per epoch, in an order that depends on (seed, epoch) alone. */
export class BatchSource {
  #order: { readonly epoch: number; readonly indices: Int32Array } | undefined;
  #next: { readonly key: string; readonly batch: Promise<ImageBatch> } | undefined;

  /**
   * @param repeatsFirst give the first batch for ever: a sound set-up learns it by heart within a few hundred steps
   * @throws ConfigError for a dataset without images
   */
  constructor(
    readonly dataset: Dataset,
    readonly seed: number,
    readonly repeatsFirst = false,
  ) {
    if (!(dataset.size > 0)) {
      throw new ConfigError(
        { package: 'trainer', in: 'BatchSource' },
        `expected a dataset with images, got ${dataset.size}`,
      );
    }
  }

  /** Indices of batch `batch`, counted from 0. */
  indices(batch: number, batchSize: number): Int32Array {
    const first = this.repeatsFirst ? 0 : batch * batchSize;
    return Int32Array.from({ length: batchSize }, (_, i) => this.#indexAt(first + i));
  }

  /** Batch `batch`; the one after it is begun, so that reading files goes on beside the training step. */
  async images(batch: number, batchSize: number): Promise<ImageBatch> {
    const key = (index: number) => `${index}/${batchSize}`;
    const isReady = this.#next?.key === key(batch);
    const images = await (isReady ? this.#next!.batch : this.#load(batch, batchSize));
    const next = this.#load(batch + 1, batchSize);
    // A failure shows when the batch is asked for; until then it must not count as unhandled.
    next.catch(() => {});
    this.#next = { key: key(batch + 1), batch: next };
    return images;
  }

  async #load(batch: number, batchSize: number): Promise<ImageBatch> {
    const indices = this.indices(batch, batchSize);
    return { indices, images: await loadImages(this.dataset, indices) };
  }

  #indexAt(position: number): number {
    const { size } = this.dataset;
    const epoch = Math.floor(position / size);
    if (this.#order?.epoch !== epoch) {
      this.#order = { epoch, indices: permutation({ seed: this.seed, stage: stages.epochOrder, step: epoch }, size) };
    }
    return this.#order.indices[position % size]!;
  }
}

/** f32 [B·S·S·3]. */
export async function loadImages(dataset: Dataset, indices: ArrayLike<number>): Promise<Float32Array> {
  const size = dataset.imageSize ** 2 * 3;
  const images = new Float32Array(indices.length * size);
  const loaded = await Promise.all(Array.from(indices, (index) => dataset.image(index)));
  for (const [i, image] of loaded.entries()) images.set(image, i * size);
  return images;
}
