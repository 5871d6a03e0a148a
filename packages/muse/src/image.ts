import { type ErrorPlace, ImageError, MuseError } from '@muse/backend';
import type { SamplingSettings } from '@muse/sampler';

/** An image of 8 bits per channel; `ImageData` of the browser is one. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha; rows from the top, u8 [H·W·4], alpha not premultiplied. */
  readonly data: Uint8ClampedArray;
}

/** A grid of tokens of the VQGAN. */
export interface TokenGrid {
  /** i32 [h·w], rows from the top. */
  readonly tokenIds: Int32Array;
  readonly grid: readonly [height: number, width: number];
}

/** What aMUSEd is told of the picture beside its text: images of the training set came with it. */
export interface MicroConditioning {
  /** Width and height of the original in pixels. */
  readonly originalSize: readonly [width: number, height: number];
  /** Offsets of the crop in the original. */
  readonly cropOffset: readonly [number, number];
  /** From 1 to 10 in training; 6 is usual, more is prettier. */
  readonly aestheticScore: number;
}

/** All that an image depends on beside the model and its seed. */
export interface GenerationSettings extends SamplingSettings {
  /** Empty for none: only `variations` does without. */
  readonly prompt: string;
  readonly negativePrompt?: string;
  /** Whether the second stage had its turn; only said of a model that has one. */
  readonly superRes?: boolean;
  /** How the second stage was sampled. */
  readonly superResSampling?: SamplingSettings;
  /** Of a model that takes it. */
  readonly microConditioning?: MicroConditioning;
}

/** Tokens are those of the last stage. */
export interface GeneratedImage extends RgbaImage, TokenGrid {
  /** Tokens of the base stage, if a second one had its turn. */
  readonly base?: TokenGrid;
  readonly seed: number;
  readonly settings: GenerationSettings;
}

/**
 * Pixels of a network as an opaque image: ⌊255·x + ½⌋, rounding half up.
 *
 * @param pixels f32 [H·W·3] in [0, 1]
 * @throws MuseError for NaN, which would pass silently for black
 */
export function toRgba(pixels: Float32Array, width: number, height: number): RgbaImage {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      const x = pixels[3 * i + c]!;
      if (Number.isNaN(x)) {
        throw new MuseError({ package: 'muse', in: 'toRgba' }, `expected finite pixels, got NaN at pixel ${i}`);
      }
      data[4 * i + c] = Math.floor(255 * x + 0.5);
    }
  }
  return { width, height, data };
}

/** Offsets within an image are held in 16 bits. */
const MAX_SIDE = 32_766;

/** @throws ImageError when there are not width · height · 4 values, or a side is out of range */
export function checkImage(place: ErrorPlace, name: string, image: RgbaImage): void {
  const { width, height, data } = image ?? {};
  const isSide = (side: number) => Number.isSafeInteger(side) && side > 0;
  if (width > MAX_SIDE || height > MAX_SIDE) {
    const got = `one of ${width} × ${height}`;
    throw new ImageError(place, `expected the ${name} to be of at most ${MAX_SIDE} pixels a side, got ${got}`);
  }
  if (!isSide(width) || !isSide(height) || data?.length !== width * height * 4) {
    const expected = `an RGBA ${name} with width · height · 4 values`;
    throw new ImageError(place, `expected ${expected}, got ${width} × ${height} with ${data?.length} values`);
  }
}

/**
 * An image as pixels for a network; what is transparent shows white.
 *
 * @returns f32 [H·W·3] in [0, 1]
 * @throws ImageError when there are not width · height · 4 values
 */
export function toPixels(image: RgbaImage): Float32Array {
  checkImage({ package: 'muse', in: 'toPixels' }, 'image', image);
  const { width, height, data } = image;
  const pixels = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = (data[4 * i + c]! / 255) * alpha + (1 - alpha);
  }
  return pixels;
}
