import { ConfigError } from '@muse/backend';
import type { RgbaPicture } from '../suite/toPicture.js';
import type { OpaquePicture } from './renderRgba.js';

export interface ContactSheetOptions {
  /** Pixels around each picture. Default 4. */
  readonly gap?: number;
  /** Each pixel becomes scale × scale of them. Default 1. */
  readonly scale?: number;
}

/** Light gray, as neither white nor black pictures vanish in it. */
const PAPER = 200;

/**
 * Pictures in rows on one sheet, each in a cell as large as the largest of them.
 *
 * @param rows of RGBA pictures, from the top; opaque
 * @throws ConfigError when there is no picture
 */
export function contactSheet(
  rows: readonly (readonly RgbaPicture[])[],
  { gap = 4, scale = 1 }: ContactSheetOptions = {},
): OpaquePicture {
  const all = rows.flat();
  if (all.length === 0) {
    throw new ConfigError({ package: 'evaluation', in: 'contactSheet' }, 'expected at least one picture, got none');
  }
  const cellWidth = scale * Math.max(...all.map(({ width }) => width)) + gap;
  const cellHeight = scale * Math.max(...all.map(({ height }) => height)) + gap;
  const width = gap + cellWidth * Math.max(...rows.map((row) => row.length));
  const height = gap + cellHeight * rows.length;
  const data = new Uint8ClampedArray(width * height * 4).fill(PAPER);
  for (let alpha = 3; alpha < data.length; alpha += 4) data[alpha] = 255;
  for (const [r, row] of rows.entries()) {
    for (const [c, picture] of row.entries()) {
      const [left, top] = [gap + c * cellWidth, gap + r * cellHeight];
      for (let y = 0; y < picture.height * scale; y++) {
        for (let x = 0; x < picture.width * scale; x++) {
          const from = (Math.floor(y / scale) * picture.width + Math.floor(x / scale)) * 4;
          data.set(picture.data.subarray(from, from + 4), ((top + y) * width + left + x) * 4);
        }
      }
    }
  }
  return { width, height, data };
}
