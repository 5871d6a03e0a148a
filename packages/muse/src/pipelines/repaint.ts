import type { RgbaImage } from '../image.js';
import { type Canvas, composite, fillMasked } from '../imaging/composite.js';
import { type MaskImage, maskBox, tokenMask } from '../imaging/mask.js';
import { type NearestKnown, nearestKnown } from '../imaging/nearestKnown.js';
import { intersect, type Region } from '../imaging/region.js';
import { resizeRegion } from '../imaging/resize.js';
import type { Cascade, WindowJob } from './cascade.js';
import { type EditedWindow, windowOf } from './editedImage.js';

/** Pixels of the model's own image over which the seam is blended. */
const SEAM_PIXELS = 2;

export interface PaintOptions {
  readonly region: Region;
  readonly mask: MaskImage;
  /** Of the mask; computed if left out. */
  readonly near?: NearestKnown;
}

/** Lays a window's picture, at the model's size, over the masked pixels of a canvas. */
export function paint(canvas: Canvas, picture: RgbaImage, { region, mask, near }: PaintOptions): void {
  const masked = maskBox(mask);
  if (!masked) return;
  // Only what is needed of the picture is brought to the canvas's scale.
  const box = intersect(region, masked);
  const scale = picture.width / region.width;
  const part = {
    x: (box.x - region.x) * scale,
    y: (box.y - region.y) * scale,
    width: box.width * scale,
    height: box.height * scale,
  };
  const resized = resizeRegion(picture, part, box.width, box.height);
  composite(canvas, resized, mask, { region: box, seamWidth: SEAM_PIXELS / scale, near });
}

export interface RepaintOptions extends Pick<WindowJob, 'image' | 'window' | 'numWindows'> {
  readonly region: Region;
  /** Nothing is masked outside of the region. */
  readonly mask: MaskImage;
  /** Whether the model sees what is under the mask, in the tokens beside it. Default false. */
  readonly showsMasked?: boolean;
  /** Pixels that are painted. Default: the mask's. */
  readonly painted?: MaskImage;
}

/**
 * Paints the masked pixels of a canvas anew, in place. They are first filled from their nearest known pixels, so that
 * what was under the mask shows neither in the tokens beside it nor in the seam; then the window's tokens with any
 * masked pixel under them are sampled, in each stage; then the picture is laid over the masked pixels.
 */
export async function repaint(cascade: Cascade, canvas: Canvas, options: RepaintOptions): Promise<EditedWindow> {
  const { region, mask, showsMasked = false, painted = mask, ...job } = options;
  const near = nearestKnown(mask);
  const seen = showsMasked ? { ...canvas, data: canvas.data.slice() } : canvas;
  fillMasked(canvas, near);
  const result = await cascade.run({
    ...job,
    picture: (size) => resizeRegion(seen, region, size, size),
    tokenMask: (grid) => tokenMask(mask, grid, region),
  });
  paint(canvas, result.picture, { region, mask: painted, ...(painted === mask && { near }) });
  return windowOf(region, result);
}
