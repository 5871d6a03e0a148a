import { ConfigError } from '@muse/backend';
import type { SamplingSettings } from '@muse/sampler';
import { checkImage, type GeneratedImage, type RgbaImage } from '../image.js';
import { intersect, squareAround } from '../imaging/region.js';
import { resizeRegion } from '../imaging/resize.js';
import type { PipelineOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';

/** Sampling settings are the second stage's. */
export interface UpscaleOptions extends Omit<PipelineOptions, 'superRes' | 'superResSampling'> {
  /** Of any size; the model sees it at the base stage's. */
  readonly image: RgbaImage;
}

const place = { package: 'muse', in: 'upscale' };

/**
 * The second stage alone: the image's tokens of the base stage are what the fine ones, all of them sampled, are made to
 * agree with. The result's longer side is the second stage's size.
 */
export async function upscale(context: PipelineContext, options: UpscaleOptions): Promise<GeneratedImage> {
  const { image } = options;
  const { superResSampling } = context.parts.index;
  if (!superResSampling) {
    throw new ConfigError(place, 'expected a model with a super-resolution stage, got one without');
  }
  const sampling = superResSampling as Partial<SamplingSettings>;
  const { settings, seeds } = checkPipelineOptions(context, { ...options, superRes: false }, { place, sampling });
  checkImage(place, 'image', image);
  const resolved = { seeds, settings: { ...settings, superRes: true, superResSampling: settings } };
  return withCascade(context, resolved, options, async (cascade) => {
    const region = squareAround(image);
    const result = await cascade.run({
      image: 0,
      picture: (size) => resizeRegion(image, region, size, size),
      tokenMask: ([h, w], base) => new Uint8Array(h * w).fill(base ? 1 : 0),
    });
    const { tokenIds, grid, picture } = result;
    const base = { tokenIds: result.base!.tokenIds, grid: result.base!.grid };
    // The image's own part of the square, in whole pixels.
    const scale = picture.width / region.width;
    const side = (length: number) => Math.max(1, Math.round(length * scale));
    const start = (offset: number) => Math.floor(-offset * scale);
    const crop = intersect(
      { x: start(region.x), y: start(region.y), width: side(image.width), height: side(image.height) },
      picture,
    );
    const cropped = resizeRegion(picture, crop, crop.width, crop.height);
    return { ...cropped, tokenIds, grid, base, seed: seeds[0]!, settings: { ...settings, superRes: true } };
  });
}
