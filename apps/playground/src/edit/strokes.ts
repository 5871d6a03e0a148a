/** A place in an image, in its pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

interface MaskSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Fills a round brush's way from one point to another.
 *
 * @param mask u8 [H·W], changed
 * @param value 1 paints, 0 erases
 */
export function stroke(
  mask: Uint8Array,
  { width, height }: MaskSize,
  from: Point,
  to: Point,
  radius: number,
  value: 0 | 1,
) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
  const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      // The nearest point of the way, from the middle of the pixel.
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = squared === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
      const [ex, ey] = [px - along * dx, py - along * dy];
      if (ex * ex + ey * ey <= radius * radius) mask[y * width + x] = value;
    }
  }
}

/** Fills the rectangle between two corners. @param mask u8 [H·W], changed */
export function fillBox(mask: Uint8Array, { width, height }: MaskSize, from: Point, to: Point, value: 0 | 1) {
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x)));
  const right = Math.min(width, Math.ceil(Math.max(from.x, to.x)));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y)));
  const bottom = Math.min(height, Math.ceil(Math.max(from.y, to.y)));
  for (let y = top; y < bottom; y++) if (right > left) mask.fill(value, y * width + left, y * width + right);
}
