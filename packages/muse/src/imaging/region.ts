/** A rectangle of an image, in pixels. It may reach beyond the image: there the image's edge is repeated. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** What two regions, or a region and an image, share; width or height is 0 where they share nothing. */
export function intersect(region: Region, other: ImageSize & Partial<Region>): Region {
  const x = Math.max(other.x ?? 0, region.x);
  const y = Math.max(other.y ?? 0, region.y);
  return {
    x,
    y,
    width: Math.max(0, Math.min((other.x ?? 0) + other.width, region.x + region.width) - x),
    height: Math.max(0, Math.min((other.y ?? 0) + other.height, region.y + region.height) - y),
  };
}

/** The nearest of 0 … length − 1: how an edge is repeated. */
export function clampIndex(index: number, length: number): number {
  return index < 0 ? 0 : index >= length ? length - 1 : index;
}

/** The smallest square around a whole image, with the image in its middle. */
export function squareAround({ width, height }: ImageSize): Region {
  const side = Math.max(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), width: side, height: side };
}

/** A window's side is at most this many times what is to be repainted in it: past it, detail is worth more than context. */
const MOST_CONTEXT = 4;

/**
 * The square that the model sees when it repaints `box`: as much of the image as there is, at most `MOST_CONTEXT` times
 * the box (but never less than the model's own size), with the box in its middle as far as the image's edges allow.
 * Where the box is longer than the image's short side, the window reaches beyond the image.
 *
 * @param modelSize side of the model's own images
 */
export function windowAround(box: Region, image: ImageSize, modelSize: number): Region {
  const boxSide = Math.max(box.width, box.height);
  const most = Math.max(modelSize, MOST_CONTEXT * boxSide);
  const side = Math.max(boxSide, Math.min(image.width, image.height, most));
  return {
    x: windowStart(box.x, box.width, image.width, side),
    y: windowStart(box.y, box.height, image.height, side),
    width: side,
    height: side,
  };
}

function windowStart(boxStart: number, boxLength: number, imageLength: number, side: number): number {
  if (side >= imageLength) return Math.floor((imageLength - side) / 2);
  const centred = boxStart - Math.floor((side - boxLength) / 2);
  return Math.min(Math.max(centred, 0), imageLength - side);
}
