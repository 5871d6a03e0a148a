import type { RgbaImage } from '@muse/muse';

/** Pixels between two images of a sheet. */
const GAP = 2;

/** Images of one size, row by row, on white. @param numColumns a square or wider if left out */
export function makeSheet(images: readonly RgbaImage[], numColumns = Math.ceil(Math.sqrt(images.length))): RgbaImage {
  const { width, height } = images[0]!;
  const numRows = Math.ceil(images.length / numColumns);
  const sheetWidth = numColumns * (width + GAP) - GAP;
  const sheetHeight = numRows * (height + GAP) - GAP;
  const data = new Uint8ClampedArray(sheetWidth * sheetHeight * 4).fill(255);
  images.forEach((image, i) => {
    const left = (i % numColumns) * (width + GAP);
    const top = Math.floor(i / numColumns) * (height + GAP);
    for (let y = 0; y < height; y++) {
      const row = image.data.subarray(4 * y * width, 4 * (y + 1) * width);
      data.set(row, 4 * ((top + y) * sheetWidth + left));
    }
  });
  return { width: sheetWidth, height: sheetHeight, data };
}

/** An image with each pixel repeated `factor` times in both directions. */
export function enlarge({ width, height, data }: RgbaImage, factor: number): RgbaImage {
  const out = new Uint8ClampedArray(width * height * factor * factor * 4);
  const outWidth = width * factor;
  for (let y = 0; y < height * factor; y++) {
    for (let x = 0; x < outWidth; x++) {
      const from = 4 * (Math.floor(y / factor) * width + Math.floor(x / factor));
      out.set(data.subarray(from, from + 4), 4 * (y * outWidth + x));
    }
  }
  return { width: outWidth, height: height * factor, data: out };
}
