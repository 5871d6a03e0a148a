import { BLOCK_DEPTH, finish, GEMM_SCRATCH_BYTES, multiply } from './gemm';
import { ceilDiv, integer, pointer, stride } from './job';

/**
 * A tile of out = activation(a·b + bias) + residual, for each item of a batch; a is stored as [depth, rows] where it is
 * transposed. Arguments as `matMul.ts` of the backend gives them.
 */
export function matMulTask(job: usize, task: i32, scratch: usize): void {
  const rows = integer(job, 3);
  const depth = integer(job, 4);
  const columns = integer(job, 5);
  const strideA = stride(job, 6);
  const strideB = stride(job, 7);
  const strideOut = stride(job, 8);
  const isTransposedA = integer(job, 9) !== 0;
  const isTransposedB = integer(job, 10) !== 0;
  const tileRows = integer(job, 14);
  const tileColumns = integer(job, 15);
  const columnTiles = ceilDiv(columns, tileColumns);
  const tiles = ceilDiv(rows, tileRows) * columnTiles;
  const item = <usize>(task / tiles);
  const tile = task % tiles;
  const row = (tile / columnTiles) * tileRows;
  const column = (tile % columnTiles) * tileColumns;
  const numRows = min(tileRows, rows - row);
  const numColumns = min(tileColumns, columns - column);
  const atColumn = (<usize>column) << 2;

  let a = pointer(job, 0) + item * stride(job, 11);
  let rowStride = strideA;
  if (isTransposedA) {
    const copy = scratch + GEMM_SCRATCH_BYTES;
    transpose(a + ((<usize>row) << 2), strideA, depth, numRows, copy);
    a = copy;
    rowStride = (<usize>depth) << 2;
  } else {
    a += <usize>row * strideA;
  }
  const b = pointer(job, 1) + item * stride(job, 12) + (isTransposedB ? <usize>column * strideB : atColumn);
  const out = pointer(job, 2) + item * stride(job, 13) + <usize>row * strideOut + atColumn;
  multiply(a, rowStride, b, strideB, isTransposedB, out, strideOut, numRows, depth, numColumns, scratch);
  const bias = pointer(job, 16);
  const residual = pointer(job, 18);
  finish(
    out,
    strideOut,
    numRows,
    numColumns,
    bias ? bias + atColumn : 0,
    integer(job, 17),
    residual ? residual + <usize>row * strideOut + atColumn : 0,
    strideOut,
  );
}

/** [depth, rows] → [rows, depth], in blocks that stay in the cache */
function transpose(from: usize, stride: usize, depth: i32, rows: i32, to: usize): void {
  const toStride = (<usize>depth) << 2;
  for (let k0: i32 = 0; k0 < depth; k0 += BLOCK_DEPTH) {
    const end = min(depth, k0 + BLOCK_DEPTH);
    for (let row: i32 = 0; row < rows; row++) {
      let source = from + <usize>k0 * stride + ((<usize>row) << 2);
      let target = to + <usize>row * toStride + ((<usize>k0) << 2);
      for (let k = k0; k < end; k++) {
        store<f32>(target, load<f32>(source));
        source += stride;
        target += 4;
      }
    }
  }
}
