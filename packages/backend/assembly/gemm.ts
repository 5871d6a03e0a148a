// Matrix products by tiles: what products, convolutions and attention are made of.
//
// Every value of a result is summed in one order, over blocks of BLOCK_DEPTH, whatever tile or thread computes it: the
// number of threads changes no bit. Right-hand matrices are packed panel by panel into a thread's scratch memory, so no
// second copy of a weight is kept, as XNNPACK does.

import { activate } from './activations';
import { madd } from './simd';

/** Inner elements that are summed in registers before the result is written. */
export const BLOCK_DEPTH: i32 = 256;
/** Columns of a panel: two vectors. */
const PANEL: i32 = 8;
/** Rows that are computed at once. */
const ROWS: i32 = 4;

/** What a thread needs: a packed panel, and a tile for results at the edges. */
const TILE_BYTES: usize = (ROWS * PANEL) << 2;
const PANEL_BYTES: usize = (BLOCK_DEPTH * PANEL) << 2;
export const GEMM_SCRATCH_BYTES: usize = TILE_BYTES + PANEL_BYTES;

/**
 * out[rows, columns] = a[rows, depth] · b[depth, columns]; b is stored as [columns, depth] where `isTransposed`.
 * Strides are in bytes from row to row.
 *
 * @param isAdded to what is in out already: a block of BLOCK_DEPTH of a product that goes over more
 */
export function multiply(
  a: usize,
  strideA: usize,
  b: usize,
  strideB: usize,
  isTransposed: bool,
  out: usize,
  strideOut: usize,
  rows: i32,
  depth: i32,
  columns: i32,
  scratch: usize,
  isAdded: bool = false,
): void {
  const tile = scratch;
  const panel = scratch + TILE_BYTES;
  for (let k: i32 = 0; k < depth; k += BLOCK_DEPTH) {
    const size = min(BLOCK_DEPTH, depth - k);
    const isFirst = k === 0 && !isAdded;
    const blockA = a + ((<usize>k) << 2);
    for (let column: i32 = 0; column < columns; column += PANEL) {
      const width = min(PANEL, columns - column);
      if (isTransposed) {
        packTransposed(b + <usize>column * strideB + ((<usize>k) << 2), strideB, size, width, panel);
      } else {
        pack(b + <usize>k * strideB + ((<usize>column) << 2), strideB, size, width, panel);
      }
      const to = out + ((<usize>column) << 2);
      for (let row: i32 = 0; row < rows; row += ROWS) {
        const height = min(ROWS, rows - row);
        const from = blockA + <usize>row * strideA;
        const target = to + <usize>row * strideOut;
        if (height === ROWS && width === PANEL) {
          multiplyTile(from, strideA, ROWS, panel, size, target, strideOut, isFirst);
        } else {
          multiplyTile(from, strideA, height, panel, size, tile, PANEL << 2, true);
          addTile(tile, target, strideOut, height, width, isFirst);
        }
      }
    }
  }
}

/** Adds a bias, an activation and a residual, in this order; 0 for what there is none of. */
export function finish(
  out: usize,
  strideOut: usize,
  rows: i32,
  columns: i32,
  bias: usize,
  activation: i32,
  residual: usize,
  strideResidual: usize,
): void {
  if (!bias && !activation && !residual) return;
  for (let row: i32 = 0; row < rows; row++) {
    const line = out + <usize>row * strideOut;
    const added = residual + <usize>row * strideResidual;
    let at: usize = 0;
    const end = (<usize>columns) << 2;
    for (; at + 16 <= end; at += 16) {
      let value = v128.load(line + at);
      if (bias) value = f32x4.add(value, v128.load(bias + at));
      if (activation) value = activate(activation, value);
      if (residual) value = f32x4.add(value, v128.load(added + at));
      v128.store(line + at, value);
    }
    for (; at < end; at += 4) {
      let value = f32x4.splat(load<f32>(line + at));
      if (bias) value = f32x4.add(value, v128.load_splat<f32>(bias + at));
      if (activation) value = activate(activation, value);
      if (residual) value = f32x4.add(value, v128.load_splat<f32>(added + at));
      store<f32>(line + at, f32x4.extract_lane(value, 0));
    }
  }
}

/** Rows of b side by side: [depth, PANEL], zeros where b has no more columns. */
function pack(b: usize, stride: usize, depth: i32, width: i32, panel: usize): void {
  if (width === PANEL) {
    for (let k: i32 = 0; k < depth; k++) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      b += stride;
      panel += PANEL << 2;
    }
    return;
  }
  for (let k: i32 = 0; k < depth; k++) {
    for (let column: i32 = 0; column < PANEL; column++) {
      const at = (<usize>column) << 2;
      store<f32>(panel + at, column < width ? load<f32>(b + at) : 0);
    }
    b += stride;
    panel += PANEL << 2;
  }
}

/** As `pack`, of a b that is stored as [columns, depth]. */
function packTransposed(b: usize, stride: usize, depth: i32, width: i32, panel: usize): void {
  const inFours = width === PANEL ? depth & ~3 : 0;
  for (let k: i32 = 0; k < inFours; k += 4) {
    const from = b + ((<usize>k) << 2);
    const to = panel + <usize>(k * (PANEL << 2));
    transpose4(from, stride, to);
    transpose4(from + 4 * stride, stride, to + 16);
  }
  for (let column: i32 = 0; column < PANEL; column++) {
    for (let k = inFours; k < depth; k++) {
      const value = column < width ? load<f32>(b + <usize>column * stride + ((<usize>k) << 2)) : 0;
      store<f32>(panel + ((<usize>(k * PANEL + column)) << 2), value);
    }
  }
}

/** Four rows of four, turned, to four rows of a panel. */
function transpose4(from: usize, stride: usize, to: usize): void {
  const row0 = v128.load(from);
  const row1 = v128.load(from + stride);
  const row2 = v128.load(from + 2 * stride);
  const row3 = v128.load(from + 3 * stride);
  const left01 = v128.shuffle<f32>(row0, row1, 0, 4, 1, 5);
  const left23 = v128.shuffle<f32>(row2, row3, 0, 4, 1, 5);
  const right01 = v128.shuffle<f32>(row0, row1, 2, 6, 3, 7);
  const right23 = v128.shuffle<f32>(row2, row3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(left01, left23, 0, 2));
  v128.store(to + (PANEL << 2), v128.shuffle<f64>(left01, left23, 1, 3));
  v128.store(to + 2 * (PANEL << 2), v128.shuffle<f64>(right01, right23, 0, 2));
  v128.store(to + 3 * (PANEL << 2), v128.shuffle<f64>(right01, right23, 1, 3));
}

/** ROWS × PANEL sums in registers; where there are fewer rows, the first stands in for the others. */
function multiplyTile(
  a: usize,
  stride: usize,
  height: i32,
  panel: usize,
  depth: i32,
  out: usize,
  strideOut: usize,
  isFirst: bool,
): void {
  let a0 = a;
  let a1 = height > 1 ? a + stride : a;
  let a2 = height > 2 ? a + 2 * stride : a;
  let a3 = height > 3 ? a + 3 * stride : a;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let k = depth;
  let b0: v128;
  let b1: v128;
  let x: v128;
  // Four inner elements, each ended by a way out: V8 takes all loads of a stretch without branches to its start, and with more
  // than one element's, sums no longer fit the registers.
  while (true) {
    b0 = v128.load(panel);
    b1 = v128.load(panel, 16);
    x = v128.load_splat<f32>(a0);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    if (k === 1) break;
    b0 = v128.load(panel, 32);
    b1 = v128.load(panel, 48);
    x = v128.load_splat<f32>(a0, 4);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a1, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a2, 4);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a3, 4);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    if (k === 2) break;
    b0 = v128.load(panel, 64);
    b1 = v128.load(panel, 80);
    x = v128.load_splat<f32>(a0, 8);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a1, 8);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a2, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a3, 8);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    if (k === 3) break;
    b0 = v128.load(panel, 96);
    b1 = v128.load(panel, 112);
    x = v128.load_splat<f32>(a0, 12);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f32>(a1, 12);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f32>(a2, 12);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f32>(a3, 12);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    k -= 4;
    if (k === 0) break;
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    panel += 4 * (PANEL << 2);
  }
  putRow(out, c00, c01, isFirst);
  putRow(out + strideOut, c10, c11, isFirst);
  putRow(out + 2 * strideOut, c20, c21, isFirst);
  putRow(out + 3 * strideOut, c30, c31, isFirst);
}

function putRow(out: usize, left: v128, right: v128, isFirst: bool): void {
  if (isFirst) {
    v128.store(out, left);
    v128.store(out, right, 16);
  } else {
    v128.store(out, f32x4.add(v128.load(out), left));
    v128.store(out, f32x4.add(v128.load(out, 16), right), 16);
  }
}

/** The part of a tile that lies within the result. */
function addTile(tile: usize, out: usize, strideOut: usize, height: i32, width: i32, isFirst: bool): void {
  for (let row: i32 = 0; row < height; row++) {
    for (let column: i32 = 0; column < width; column++) {
      const at = (<usize>column) << 2;
      const value = load<f32>(tile + ((<usize>(row * PANEL)) << 2) + at);
      const to = out + <usize>row * strideOut + at;
      store<f32>(to, isFirst ? value : load<f32>(to) + value);
    }
  }
}
