import { checkImage, type RgbaImage } from '../image.js';
import { checkMask, type MaskImage, maskBox, maskFromBox } from '../imaging/mask.js';
import { intersect, windowAround } from '../imaging/region.js';
import type { PipelineOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';
import { type EditedImage, provenance } from './editedImage.js';
import { repaint } from './repaint.js';

export interface InpaintOptions extends PipelineOptions {
  /** Of any size. */
  readonly image: RgbaImage;
  /** Of the image's size. */
  readonly mask: MaskImage;
  /**
   * Whether the pixels outside of the mask keep their bytes. Default true; else those of the window are the tokenizer's,
   * as in diffusers.
   */
  readonly preserveOutside?: boolean;
}

const place = { package: 'muse', in: 'inpaint' };

/** What aMUSEd's inpainting wants: diffusers switches to the linear schedule. */
const amusedSampling = { maskSchedule: 'linear' } as const;

/**
 * Paints the masked part of an image as the prompt says; the other pixels keep their bytes. aMUSEd is shown the image as it
 * stands, as in diffusers; other models see the mask filled from its border.
 */
export async function inpaint(context: PipelineContext, options: InpaintOptions): Promise<EditedImage> {
  const { image, mask, preserveOutside = true } = options;
  const isDiffusers = context.parts.index.format === 'diffusers';
  const resolved = checkPipelineOptions(context, options, { place, ...(isDiffusers && { sampling: amusedSampling }) });
  checkImage(place, 'image', image);
  checkMask(place, mask, image);
  return withCascade(context, resolved, options, async (cascade) => {
    const { width, height } = image;
    const canvas = { width, height, data: image.data.slice() };
    const region = windowAround(maskBox(mask)!, image, context.base.imageSize);
    const painted = preserveOutside ? mask : maskFromBox(intersect(region, image), image);
    const window = await repaint(cascade, canvas, { image: 0, region, mask, painted, showsMasked: isDiffusers });
    return { ...canvas, ...window, mask: painted, ...provenance(resolved, { preserveOutside }) };
  });
}
