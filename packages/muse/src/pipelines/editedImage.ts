import type { GeneratedImage } from '../image.js';
import type { MaskImage } from '../imaging/mask.js';
import type { Region } from '../imaging/region.js';

/** Tokens of an edit, and where they lie in the image. */
export interface EditedWindow {
  /** The square of the image, in its pixels, which the model saw; it may reach beyond the image. */
  readonly region: Region;
  /** i32 [h·w] over the region, at the end. */
  readonly tokenIds: Int32Array;
  readonly grid: readonly [height: number, width: number];
  /** u8 [h·w], 1: sampled anew. */
  readonly tokenMask: Uint8Array;
}

/** An image of the input's size (`outpaint`: grown); its tokens are those of the window. */
export interface EditedImage extends GeneratedImage, EditedWindow {
  /** Of the image's size; pixels where it is zero are the input's, to the bit. */
  readonly mask: MaskImage;
}
