import { type Canvas, composite, fillMasked } from '../imaging/composite.js';
import { type MaskImage, tokenMask } from '../imaging/mask.js';
import { nearestKnown } from '../imaging/nearestKnown.js';
import type { Region } from '../imaging/region.js';
import { resize, resizeRegion } from '../imaging/resize.js';
import type { Cascade, WindowJob } from './cascade.js';
import type { EditedWindow } from './editedImage.js';

/** Pixels of the model's own image over which the seam is blended. */
const SEAM_PIXELS = 2;

export interface RepaintOptions extends Pick<WindowJob, 'image' | 'window' | 'numWindows'> {
  readonly region: Region;
  /** Nothing is masked outside of the region. */
  readonly mask: MaskImage;
}

/**
 * Paints the masked pixels of a canvas anew, in place. They are first filled from their nearest known pixels, so that
 * what was under the mask shows neither in the tokens beside it nor in the seam; then the window's tokens with any
 * masked pixel under them are sampled; then the picture is laid over the masked pixels.
 */
export async function repaint(cascade: Cascade, canvas: Canvas, options: RepaintOptions): Promise<EditedWindow> {
  const { region, mask, ...job } = options;
  const near = nearestKnown(mask);
  fillMasked(canvas, near);
  const result = await cascade.run({
    ...job,
    picture: (size) => resizeRegion(canvas, region, size, size),
    tokenMask: (grid) => tokenMask(mask, grid, region),
  });
  const { picture, tokenIds, grid } = result;
  const seamWidth = (SEAM_PIXELS * region.width) / picture.width;
  composite(canvas, resize(picture, region.width, region.height), mask, { region, seamWidth, near });
  return { region, tokenIds, grid, tokenMask: result.tokenMask };
}
