import { ConfigError, type ErrorPlace, ImageError } from '@muse/backend';
import { checkImage, type RgbaImage } from '../image.js';
import { clampIndex, type ImageSize, intersect, type Region } from './region.js';

/** Which pixels of an image are to be painted anew. */
export interface MaskImage {
  readonly width: number;
  readonly height: number;
  /** u8 [H·W], rows from the top; non-zero: repaint. */
  readonly data: Uint8Array;
}

/** Half of 255, up. */
const HALF = 128;

/** The mask that an image draws: white (of at least half the brightness) or transparent (of less than half alpha) is repainted. */
export function maskFromRgba(image: RgbaImage): MaskImage {
  checkImage({ package: 'muse', in: 'maskFromRgba' }, 'image', image);
  const { width, height, data } = image;
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) {
    // Rec. 601 luma in thousandths, as image editors turn colours to grey.
    const luma = 299 * data[4 * i]! + 587 * data[4 * i + 1]! + 114 * data[4 * i + 2]!;
    mask[i] = luma >= 1000 * HALF || data[4 * i + 3]! < HALF ? 1 : 0;
  }
  return { width, height, data: mask };
}

/**
 * The mask of a rectangle; what lies beyond the image is cut off.
 *
 * @throws ConfigError when the box is no box or shares no pixel with the image
 */
export function maskFromBox(box: Region, { width, height }: ImageSize): MaskImage {
  const place = { package: 'muse', in: 'maskFromBox' };
  const sides = [box.x, box.y, box.width, box.height];
  if (!sides.every(Number.isSafeInteger) || box.width < 1 || box.height < 1) {
    throw new ConfigError(
      place,
      `expected a box [x, y, width, height] of integers, at least 1 wide and high, got [${sides}]`,
    );
  }
  const inside = intersect(box, { width, height });
  if (inside.width === 0 || inside.height === 0) {
    throw new ConfigError(place, `expected a box within the image of ${width} × ${height}, got [${sides}]`);
  }
  const data = new Uint8Array(width * height);
  for (let y = inside.y; y < inside.y + inside.height; y++) {
    data.fill(1, y * width + inside.x, y * width + inside.x + inside.width);
  }
  return { width, height, data };
}

/** @throws ImageError for a mask of another size than the image, or one that masks nothing */
export function checkMask(place: ErrorPlace, mask: MaskImage, image: ImageSize): void {
  const { width, height, data } = mask ?? {};
  if (width !== image.width || height !== image.height || data?.length !== width * height) {
    const got = `${width} × ${height} with ${data?.length} values`;
    throw new ImageError(place, `expected a mask of the image's size ${image.width} × ${image.height}, got ${got}`);
  }
  if (data.every((value) => value === 0)) {
    throw new ImageError(place, 'expected a mask with something to repaint, got an empty one');
  }
}

/** The smallest rectangle that holds all that is masked; undefined if nothing is. */
export function maskBox({ width, height, data }: MaskImage): Region | undefined {
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.findIndex((value) => value !== 0);
    if (first < 0) continue;
    if (top < 0) top = y;
    bottom = y;
    left = Math.min(left, first);
    right = Math.max(
      right,
      row.findLastIndex((value) => value !== 0),
    );
  }
  return bottom < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The tokens that a pixel of a region lies in, along one axis: more than one where token and pixel edges don't meet. */
function tokensOf(pixel: number, length: number, numTokens: number): [first: number, end: number] {
  return [Math.floor((pixel * numTokens) / length), Math.ceil(((pixel + 1) * numTokens) / length)];
}

/**
 * The tokens that a mask covers: those with any masked pixel under them, however small a part. Beyond the image its edge
 * is repeated, so a token there is masked as the edge is.
 *
 * @param grid [h, w] of the tokens over the region
 * @param region what of the image the tokens show; all of it if left out
 * @returns u8 [h·w], 1: masked
 */
export function tokenMask(
  mask: MaskImage,
  [h, w]: readonly [height: number, width: number],
  region: Region = { x: 0, y: 0, width: mask.width, height: mask.height },
): Uint8Array {
  const tokens = new Uint8Array(h * w);
  const columns = Array.from({ length: region.width }, (_, x) => tokensOf(x, region.width, w));
  for (let y = 0; y < region.height; y++) {
    const [top, bottom] = tokensOf(y, region.height, h);
    const start = clampIndex(region.y + y, mask.height) * mask.width;
    for (let x = 0; x < region.width; x++) {
      if (mask.data[start + clampIndex(region.x + x, mask.width)] === 0) continue;
      const [left, right] = columns[x]!;
      for (let row = top; row < bottom; row++) tokens.fill(1, row * w + left, row * w + right);
    }
  }
  return tokens;
}

/**
 * The pixels under tokens: what may change when these tokens do.
 *
 * @param tokens u8 [h·w]
 * @param region what of the image the tokens show
 */
export function maskFromTokens(
  tokens: Uint8Array,
  [h, w]: readonly [height: number, width: number],
  region: Region,
  { width, height }: ImageSize,
): MaskImage {
  const data = new Uint8Array(width * height);
  const inside = intersect(region, { width, height });
  for (let y = inside.y; y < inside.y + inside.height; y++) {
    const [top, bottom] = tokensOf(y - region.y, region.height, h);
    for (let x = inside.x; x < inside.x + inside.width; x++) {
      const [left, right] = tokensOf(x - region.x, region.width, w);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) data[y * width + x]! |= tokens[row * w + column]!;
      }
    }
  }
  return { width, height, data };
}
