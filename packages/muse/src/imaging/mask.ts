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
  fillBox(data, width, inside);
  return { width, height, data };
}

/** @throws ImageError for a mask of another size than the image, or one that masks nothing */
export function checkMask(place: ErrorPlace, mask: MaskImage, image: ImageSize): void {
  const { width, height, data } = mask ?? {};
  if (width !== image.width || height !== image.height || data?.length !== width * height) {
    const got = `${width} × ${height} with ${data?.length} values`;
    throw new ImageError(place, `expected a mask of the image's size ${image.width} × ${image.height}, got ${got}`);
  }
  if (!maskBox(mask)) {
    throw new ImageError(place, 'expected a mask with something to repaint, got an empty one');
  }
}

/** The smallest rectangle that holds all that is masked; undefined if nothing is. */
export function maskBox({ width, height, data }: MaskImage): Region | undefined {
  // Plain loops: there may be 10⁸ pixels.
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let y = 0; y < height; y++) {
    const start = y * width;
    let first = 0;
    while (first < width && data[start + first] === 0) first++;
    if (first === width) continue;
    let last = width - 1;
    while (data[start + last] === 0) last--;
    if (top < 0) top = y;
    bottom = y;
    left = Math.min(left, first);
    right = Math.max(right, last);
  }
  return bottom < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The pixels of a region, along one axis, that a token shares something with, however small a part. */
function pixelsOf(token: number, numTokens: number, length: number): [first: number, end: number] {
  return [Math.floor((token * length) / numTokens), Math.ceil(((token + 1) * length) / numTokens)];
}

/** Calls `use` with each token of a grid over a region and the rectangle of pixels that it shares something with. */
function eachToken(
  [h, w]: readonly [height: number, width: number],
  region: Region,
  use: (token: number, pixels: Region) => void,
): void {
  for (let row = 0; row < h; row++) {
    const [top, bottom] = pixelsOf(row, h, region.height);
    for (let column = 0; column < w; column++) {
      const [left, right] = pixelsOf(column, w, region.width);
      const pixels = { x: region.x + left, y: region.y + top, width: right - left, height: bottom - top };
      use(row * w + column, pixels);
    }
  }
}

/** Whether any pixel of a rectangle is masked; beyond the image its edge is repeated. */
function isAnyMasked({ width, height, data }: MaskImage, pixels: Region): boolean {
  const left = clampIndex(pixels.x, width);
  const right = clampIndex(pixels.x + pixels.width - 1, width);
  const top = clampIndex(pixels.y, height);
  const bottom = clampIndex(pixels.y + pixels.height - 1, height);
  for (let y = top; y <= bottom; y++) {
    for (let at = y * width + left; at <= y * width + right; at++) if (data[at] !== 0) return true;
  }
  return false;
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
  grid: readonly [height: number, width: number],
  region: Region = { x: 0, y: 0, width: mask.width, height: mask.height },
): Uint8Array {
  const tokens = new Uint8Array(grid[0] * grid[1]);
  eachToken(grid, region, (token, pixels) => {
    if (isAnyMasked(mask, pixels)) tokens[token] = 1;
  });
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
  grid: readonly [height: number, width: number],
  region: Region,
  { width, height }: ImageSize,
): MaskImage {
  const data = new Uint8Array(width * height);
  eachToken(grid, region, (token, pixels) => {
    if (tokens[token] !== 0) fillBox(data, width, intersect(pixels, { width, height }));
  });
  return { width, height, data };
}

function fillBox(data: Uint8Array, width: number, box: Region): void {
  for (let y = box.y; y < box.y + box.height; y++) data.fill(1, y * width + box.x, y * width + box.x + box.width);
}
