import { ConfigError } from '@muse/backend';
import type { GeneratedImage } from '../image.js';
import type { PipelineOptions, ResolvedOptions } from '../options.js';
import { type SampledTokens, withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';

const place = { package: 'muse', in: 'generate' } as const;

export interface GenerateOptions extends PipelineOptions {
  /** Default 1. */
  readonly count?: number;
  /**
   * Images of the base stage to compute at once, on webgpu and without `onStep`: elsewhere their bytes would depend on it, and they
   * are computed one after another. More memory, and faster where one image leaves a GPU idle. Default 1.
   */
  readonly batchSize?: number;
  /** Called with each image as it is made; the next one waits for it. What it throws ends the generation. */
  readonly onImage?: (image: GeneratedImage) => void | Promise<void>;
}

/** @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary */
export function resolveGenerate(context: PipelineContext, options: GenerateOptions): ResolvedOptions {
  return checkPipelineOptions(context, options, { place, count: options.count });
}

/** Images of a prompt: every token of every stage is sampled. */
export async function generate(context: PipelineContext, options: GenerateOptions): Promise<GeneratedImage[]> {
  const resolved = resolveGenerate(context, options);
  const { settings, seeds } = resolved;
  const { batchSize = 1 } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new ConfigError(place, `expected batchSize to be an integer of at least 1, got ${batchSize}`);
  }
  const doesBatch = context.parts.backend.name === 'webgpu' && !options.onStep;
  return withCascade(context, resolved, options, async (cascade) => {
    const images: GeneratedImage[] = [];
    let together: SampledTokens[] = [];
    for (const [image, seed] of seeds.entries()) {
      const numLeft = seeds.length - image;
      // Each number of images is a plan of its own: the last ones, too few for a batch, come one by one.
      if (doesBatch && batchSize > 1 && together.length === 0 && numLeft >= batchSize) {
        together = await cascade.sampleTogether(Array.from({ length: batchSize }, (_, i) => image + i));
      }
      const job = { image, tokenMask: ([h, w]: readonly [number, number]) => new Uint8Array(h * w).fill(1) };
      const result = await cascade.run(job, together.shift());
      const { picture, tokenIds, grid, base } = result;
      const tokens = { tokenIds, grid, ...(base && { base: { tokenIds: base.tokenIds, grid: base.grid } }) };
      const made: GeneratedImage = { ...picture, ...tokens, seed, settings };
      images.push(made);
      await options.onImage?.(made);
      options.signal?.throwIfAborted();
    }
    return images;
  });
}
