import type { RgbaImage } from '../image.js';
import { type MaskImage, maskFromTokens, tokenMask } from '../imaging/mask.js';
import { squareAround } from '../imaging/region.js';
import { resizeRegion } from '../imaging/resize.js';
import type { ResolvedOptions } from '../options.js';
import type { Cascade, SampledTokens, WindowJob } from './cascade.js';
import { type EditedImage, type EditSettings, fullMask, provenance, windowOf } from './editedImage.js';
import { paint } from './repaint.js';

export interface ReimagineOptions {
  readonly picture: RgbaImage;
  readonly image: number;
  readonly resolved: ResolvedOptions;
  readonly own: Partial<EditSettings>;
  /** Whether the pixels of tokens that stay are the input's; else they are the tokenizer's. */
  readonly preserveOutside: boolean;
  /** What becomes of the base's tokens. */
  readonly base: Pick<WindowJob, 'remask' | 'startStep'> & {
    readonly tokenMask: (grid: readonly [number, number]) => Uint8Array;
  };
}

/** A whole image through the model, within the square around it; the fine tokens follow the base's that are new. */
export async function reimagine(cascade: Cascade, options: ReimagineOptions): Promise<EditedImage> {
  const { picture, image, resolved, own, preserveOutside, base } = options;
  const { width, height } = picture;
  const region = squareAround(picture);
  const result = await cascade.run({
    image,
    remask: base.remask,
    startStep: base.startStep,
    picture: (size) => resizeRegion(picture, region, size, size),
    tokenMask: (grid, sampled) => (sampled ? tokenMask(asMask(sampled), grid) : base.tokenMask(grid)),
  });
  const canvas = { width, height, data: picture.data.slice() };
  const mask = preserveOutside ? maskFromTokens(result.tokenMask, result.grid, region, picture) : fullMask(picture);
  paint(canvas, result.picture, { region, mask });
  return { ...canvas, ...windowOf(region, result), mask, ...provenance(resolved, own, image) };
}

/** Tokens as pixels, to look up those of a finer grid. */
function asMask({ tokenMask: data, grid: [height, width] }: SampledTokens): MaskImage {
  return { width, height, data };
}
