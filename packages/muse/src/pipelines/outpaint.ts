import { ConfigError } from '@muse/backend';
import { checkImage, type RgbaImage } from '../image.js';
import type { MaskImage } from '../imaging/mask.js';
import type { Region } from '../imaging/region.js';
import type { PipelineOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';
import { type EditedImage, type EditedWindow, provenance } from './editedImage.js';
import { outpaintWindows } from './outpaintWindows.js';
import { repaint } from './repaint.js';

/** Pixels to grow by on each side; at least one of them. */
export interface Margins {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface OutpaintOptions extends PipelineOptions, Partial<Margins> {
  /** Of any size. */
  readonly image: RgbaImage;
}

/** Its own tokens are those of the last window. */
export interface OutpaintedImage extends EditedImage {
  /** In the order in which they were painted. */
  readonly windows: readonly EditedWindow[];
}

const place = { package: 'muse', in: 'outpaint' };

/** Windows and stages share 16 bits of the random streams. */
const MAX_WINDOWS = 2 ** 15;

/** Grows an image: windows that overlap by half move outwards until all is painted. The image's pixels keep their bytes. */
export async function outpaint(context: PipelineContext, options: OutpaintOptions): Promise<OutpaintedImage> {
  const { image } = options;
  const resolved = checkPipelineOptions(context, options, { place });
  checkImage(place, 'image', image);
  const margins = resolveMargins(options);
  const canvas = grow(image, margins);
  checkImage(place, 'grown image', canvas);
  const inner = { x: margins.left, y: margins.top, width: image.width, height: image.height };
  const regions = outpaintWindows(canvas, inner, context.base.imageSize);
  if (regions.length > MAX_WINDOWS) {
    const got = `${regions.length} windows of ${regions[0]!.width} pixels`;
    throw new ConfigError(place, `expected to grow over at most ${MAX_WINDOWS} windows, got ${got}: grow in steps`);
  }
  const mask = maskAround(inner, canvas);
  return withCascade(context, resolved, options, async (cascade) => {
    const left: MaskImage = { ...mask, data: mask.data.slice() };
    const windows: EditedWindow[] = [];
    for (const [window, region] of regions.entries()) {
      // A copy of the window: what is unpainted around it must not pass for known.
      const part = { width: region.width, height: region.height, data: crop(canvas.data, canvas.width, region, 4) };
      const partMask = { ...part, data: crop(left.data, left.width, region, 1) };
      const whole = { x: 0, y: 0, width: region.width, height: region.height };
      const job = { image: 0, window, numWindows: regions.length };
      const painted = await repaint(cascade, part, { ...job, region: whole, mask: partMask });
      paste(canvas.data, canvas.width, region, 4, part.data);
      paste(left.data, left.width, region, 1, new Uint8Array(region.width * region.height));
      windows.push({ ...painted, region });
    }
    return { ...canvas, ...windows.at(-1)!, windows, mask, ...provenance(resolved, margins) };
  });
}

function resolveMargins(options: Partial<Margins>): Margins {
  const { left = 0, right = 0, top = 0, bottom = 0 } = options;
  const margins = { left, right, top, bottom };
  for (const [name, value] of Object.entries(margins)) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new ConfigError(place, `expected ${name} to be an integer of at least 0, got ${value}`);
  }
  if (left + right + top + bottom === 0) {
    throw new ConfigError(place, 'expected left, right, top or bottom to be above 0, got 0 for all');
  }
  return margins;
}

function grow({ width, height, data }: RgbaImage, { left, right, top, bottom }: Margins): RgbaImage {
  const grown = { width: left + width + right, height: top + height + bottom };
  // Out of the range of images: checked next, without the memory.
  if (!Number.isSafeInteger(grown.width * grown.height) || Math.max(grown.width, grown.height) > 2 ** 15) {
    return { ...grown, data: new Uint8ClampedArray() };
  }
  const canvas = { ...grown, data: new Uint8ClampedArray(grown.width * grown.height * 4) };
  paste(canvas.data, canvas.width, { x: left, y: top, width, height }, 4, data);
  return canvas;
}

function maskAround(inner: Region, { width, height }: RgbaImage): MaskImage {
  const mask = { width, height, data: new Uint8Array(width * height).fill(1) };
  paste(mask.data, width, inner, 1, new Uint8Array(inner.width * inner.height));
  return mask;
}

/** A rectangle of a plane, copied. @param depth values per pixel */
function crop<T extends Uint8Array | Uint8ClampedArray>(from: T, width: number, region: Region, depth: number): T {
  const part = from.slice(0, region.width * region.height * depth) as T;
  for (let y = 0; y < region.height; y++) {
    const start = ((region.y + y) * width + region.x) * depth;
    part.set(from.subarray(start, start + region.width * depth), y * region.width * depth);
  }
  return part;
}

/** The other way round. */
function paste<T extends Uint8Array | Uint8ClampedArray>(
  to: T,
  width: number,
  region: Region,
  depth: number,
  part: T,
): void {
  for (let y = 0; y < region.height; y++) {
    const row = part.subarray(y * region.width * depth, (y + 1) * region.width * depth);
    to.set(row, ((region.y + y) * width + region.x) * depth);
  }
}
