import type { GeneratedImage } from '../image.js';
import { type PipelineOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import { Cascade } from './cascade.js';
import { checkTexts, type PipelineContext } from './context.js';

export interface GenerateOptions extends PipelineOptions {
  /** Default 1. */
  readonly count?: number;
  /** Called with each image as it is made; the next one waits for it. What it throws ends the generation. */
  readonly onImage?: (image: GeneratedImage) => void | Promise<void>;
}

const place = { package: 'muse', in: 'generate' };

/** @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary */
export function resolveGenerate(context: PipelineContext, options: GenerateOptions): ResolvedOptions {
  const resolved = resolveOptions(options, {
    place,
    defaults: context.parts.index.sampling,
    count: options.count,
  });
  checkTexts(place, context, resolved);
  return resolved;
}

/** Images of a prompt: every token of every stage is sampled. */
export async function generate(context: PipelineContext, options: GenerateOptions): Promise<GeneratedImage[]> {
  const resolved = resolveGenerate(context, options);
  const { settings, seeds } = resolved;
  options.signal?.throwIfAborted();
  const cascade = new Cascade(context, resolved, options);
  try {
    const images: GeneratedImage[] = [];
    for (const [image, seed] of seeds.entries()) {
      const { picture, tokenIds, grid } = await cascade.run({
        image,
        tokenMask: ([h, w]) => new Uint8Array(h * w).fill(1),
      });
      const made: GeneratedImage = { ...picture, tokenIds, grid, seed, settings };
      images.push(made);
      await options.onImage?.(made);
      options.signal?.throwIfAborted();
    }
    return images;
  } finally {
    cascade.dispose();
  }
}
