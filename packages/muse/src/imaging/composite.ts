import type { RgbaImage } from '../image.js';
import type { MaskImage } from './mask.js';
import { indexOf, type NearestKnown, nearestKnown } from './nearestKnown.js';
import { intersect, type Region } from './region.js';

/** An image that is being made: its pixels may be written. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Replaces each masked pixel by its nearest known one: what was under the mask is gone. Nothing if none is known. */
export function fillMasked({ width, data }: Canvas, near: NearestKnown | undefined): void {
  if (!near) return;
  const { box, dx, dy } = near;
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let x = box.x; x < box.x + box.width; x++) {
      const at = indexOf(near, x, y);
      if (dx[at] === 0 && dy[at] === 0) continue;
      const to = 4 * (y * width + x);
      const from = to + 4 * (dy[at]! * width + dx[at]!);
      for (let c = 0; c < 4; c++) data[to + c] = data[from + c]!;
    }
  }
}

export interface CompositeOptions {
  /** Where the picture lies: the masked pixels of this part of the canvas are painted. */
  readonly region: Region;
  /** Width of the seam: so many pixels inside of the mask's edge are a blend with what is on the canvas. */
  readonly seamWidth: number;
  /** Of the mask; computed if left out. */
  readonly near?: NearestKnown;
}

/**
 * Paints a picture over the masked pixels of a canvas. Pixels outside of the mask keep their bytes; at its inner edge the
 * picture's share is d / (seamWidth + 1) at the distance d from the nearest pixel that is kept.
 *
 * @param picture of the region's width and height
 */
export function composite(canvas: Canvas, picture: RgbaImage, mask: MaskImage, options: CompositeOptions): void {
  const { region, seamWidth, near = nearestKnown(mask) } = options;
  const inside = intersect(region, canvas);
  for (let y = inside.y; y < inside.y + inside.height; y++) {
    for (let x = inside.x; x < inside.x + inside.width; x++) {
      const at = y * canvas.width + x;
      if (mask.data[at] === 0) continue;
      const from = (y - region.y) * region.width + x - region.x;
      blendPixel(canvas.data, 4 * at, picture.data, 4 * from, Math.min(1, distance(near, x, y) / (seamWidth + 1)));
    }
  }
}

/** To the nearest known pixel; infinite where none is. */
function distance(near: NearestKnown | undefined, x: number, y: number): number {
  if (!near) return Number.POSITIVE_INFINITY;
  const at = indexOf(near, x, y);
  return Math.hypot(near.dx[at]!, near.dy[at]!);
}

/** target := share · source + (1 − share) · target, colours weighted by their alpha. */
function blendPixel(target: Uint8ClampedArray, t: number, source: Uint8ClampedArray, s: number, share: number): void {
  const sourceAlpha = share * source[s + 3]!;
  const targetAlpha = (1 - share) * target[t + 3]!;
  const alpha = sourceAlpha + targetAlpha;
  if (alpha > 0) {
    for (let c = 0; c < 3; c++) {
      target[t + c] = Math.floor((sourceAlpha * source[s + c]! + targetAlpha * target[t + c]!) / alpha + 0.5);
    }
  }
  target[t + 3] = Math.floor(alpha + 0.5);
}
