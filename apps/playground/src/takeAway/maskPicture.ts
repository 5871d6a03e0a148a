import type { MaskImage, RgbaImage } from '@muse/muse';

/** A mask as a picture, white where it paints: what `maskFromRgba` and `--mask` read. */
export function maskPicture({ width, height, data }: MaskImage): RgbaImage {
  const picture = new Uint8ClampedArray(width * height * 4).fill(255);
  data.forEach((value, i) => {
    if (value === 0) picture.fill(0, 4 * i, 4 * i + 3);
  });
  return { width, height, data: picture };
}
