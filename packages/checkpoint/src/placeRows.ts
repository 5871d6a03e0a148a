import type { Layout } from './parameters.js';

/** Rows that are placed together: eight values side by side in memory, of as many rows as a processor follows at once. */
const TILE_ROWS = 8;

/**
 * Puts rows of a file's tensor, [out, …], where they lie in memory, [row of memory, out]: of `linear` and `conv` the file's
 * first axis is the last in memory, and the rows of memory are all the other places of the file, in another order.
 *
 * @param rows some rows, row-major
 * @param start of the first of them in the file
 * @param order row in memory by place in a row of the file: see {@link memoryRows}
 * @param out the whole tensor in memory
 */
export function placeRows(
  rows: Float32Array,
  start: number,
  numRows: number,
  order: Int32Array,
  out: Float32Array,
): void {
  const width = order.length;
  const outSize = out.length / width;
  let row = 0;
  for (; row + TILE_ROWS <= numRows; row += TILE_ROWS) {
    const first = row * width;
    for (let place = 0; place < width; place++) {
      const to = order[place]! * outSize + start + row;
      let from = first + place;
      for (let i = to; i < to + TILE_ROWS; i++) {
        out[i] = rows[from]!;
        from += width;
      }
    }
  }
  for (; row < numRows; row++) {
    for (let place = 0; place < width; place++) {
      out[order[place]! * outSize + start + row] = rows[row * width + place]!;
    }
  }
}

/** Of each place in a row of the file its row in memory: [in] stays, [in, kh, kw] becomes [kh, kw, in]. */
export function memoryRows(layout: Exclude<Layout, 'none'>, shape: readonly number[]): Int32Array {
  const [, numIn = 1, height = 1, width = 1] = shape;
  const area = height * width;
  if (layout === 'linear') return Int32Array.from({ length: numIn }, (_, place) => place);
  return Int32Array.from({ length: numIn * area }, (_, place) => {
    const channel = Math.floor(place / area);
    return (place % area) * numIn + channel;
  });
}
