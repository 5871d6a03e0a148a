import type { GeneratedImage, GenerationSettings, TokenGrid } from '../image.js';
import type { MaskImage } from '../imaging/mask.js';
import type { ImageSize, Region } from '../imaging/region.js';
import type { ResolvedOptions } from '../options.js';
import type { WindowResult } from './cascade.js';

/** Tokens of an edit, and where they lie in the image. */
export interface EditedWindow {
  /** The square of the image, in its pixels, which the model saw; it may reach beyond the image. */
  readonly region: Region;
  /** i32 [h·w] over the region, at the end. */
  readonly tokenIds: Int32Array;
  readonly grid: readonly [height: number, width: number];
  /** u8 [h·w], 1: sampled anew (of `edit`: changed). */
  readonly tokenMask: Uint8Array;
  /** Tokens of the base stage over the region, if a second one had its turn. */
  readonly base?: TokenGrid;
}

/** What an edit depends on beside image, mask, model and seed. */
export interface EditSettings extends GenerationSettings {
  /** Of `edit` and `variations`. */
  readonly strength?: number;
  readonly preserveOutside?: boolean;
  /** Of `edit`. */
  readonly remaskRatio?: number;
  /** Of `outpaint`, in pixels. */
  readonly left?: number;
  readonly right?: number;
  readonly top?: number;
  readonly bottom?: number;
}

/** An image of the input's size (`outpaint`: grown); its tokens are those of the window. */
export interface EditedImage extends GeneratedImage, EditedWindow {
  readonly settings: EditSettings;
  /** Of the image's size; pixels where it is zero are the input's, to the bit. */
  readonly mask: MaskImage;
}

/** The tokens of a window, without its picture. */
export function windowOf(region: Region, { tokenIds, grid, tokenMask, base }: WindowResult) {
  const tokens = base && { base: { tokenIds: base.tokenIds, grid: base.grid } };
  return { region, tokenIds, grid, tokenMask, ...tokens };
}

/** A mask of every pixel. */
export function fullMask({ width, height }: ImageSize): MaskImage {
  return { width, height, data: new Uint8Array(width * height).fill(1) };
}

/** What an edited image says of itself. */
export function provenance({ seeds, settings }: ResolvedOptions, own: Partial<EditSettings> = {}, image = 0) {
  return { seed: seeds[image]!, settings: { ...settings, ...own } };
}
