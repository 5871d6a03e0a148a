import type { GeneratedImage } from '../image.js';
import type { PipelineOptions, ResolvedOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';

export interface GenerateOptions extends PipelineOptions {
  /** Default 1. */
  readonly count?: number;
  /** Called with each image as it is made; the next one waits for it. What it throws ends the generation. */
  readonly onImage?: (image: GeneratedImage) => void | Promise<void>;
}

/** @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary */
export function resolveGenerate(context: PipelineContext, options: GenerateOptions): ResolvedOptions {
  return checkPipelineOptions(context, options, { place: { package: 'muse', in: 'generate' }, count: options.count });
}

/** Images of a prompt: every token of every stage is sampled. */
export async function generate(context: PipelineContext, options: GenerateOptions): Promise<GeneratedImage[]> {
  const resolved = resolveGenerate(context, options);
  const { settings, seeds } = resolved;
  return withCascade(context, resolved, options, async (cascade) => {
    const images: GeneratedImage[] = [];
    for (const [image, seed] of seeds.entries()) {
      const result = await cascade.run({ image, tokenMask: ([h, w]) => new Uint8Array(h * w).fill(1) });
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
