import { checkImage, type RgbaImage } from '../image.js';
import { checkMask, type MaskImage, maskBox } from '../imaging/mask.js';
import { windowAround } from '../imaging/region.js';
import { type PipelineOptions, resolveOptions } from '../options.js';
import { Cascade } from './cascade.js';
import { checkTexts, type PipelineContext } from './context.js';
import type { EditedImage } from './editedImage.js';
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
  const { image, mask, signal } = options;
  const resolved = resolveOptions(options, { place, defaults: context.parts.index.sampling });
  checkTexts(place, context, resolved);
  checkImage(place, 'image', image);
  checkMask(place, mask, image);
  signal?.throwIfAborted();
  const { width, height } = image;
  const canvas = { width, height, data: image.data.slice() };
  const region = windowAround(maskBox(mask)!, image, context.base.imageSize);
  const cascade = new Cascade(context, resolved, options);
  try {
    const window = await repaint(cascade, canvas, { image: 0, region, mask });
    return { ...canvas, ...window, mask, seed: resolved.seeds[0]!, settings: resolved.settings };
  } finally {
    cascade.dispose();
  }
}
