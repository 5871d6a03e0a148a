import { checkImage, type RgbaImage } from '../image.js';
import { checkMask, type MaskImage, maskBox } from '../imaging/mask.js';
import { windowAround } from '../imaging/region.js';
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
}

const place = { package: 'muse', in: 'inpaint' };

/** Paints the masked part of an image as the prompt says; the other pixels keep their bytes. */
export async function inpaint(context: PipelineContext, options: InpaintOptions): Promise<EditedImage> {
  const { image, mask } = options;
  const resolved = checkPipelineOptions(context, options, { place });
  checkImage(place, 'image', image);
  checkMask(place, mask, image);
  return withCascade(context, resolved, options, async (cascade) => {
    const { width, height } = image;
    const canvas = { width, height, data: image.data.slice() };
    const region = windowAround(maskBox(mask)!, image, context.base.imageSize);
    const window = await repaint(cascade, canvas, { image: 0, region, mask });
    return { ...canvas, ...window, mask, ...provenance(resolved) };
  });
}
