import { columnsOf, type MatrixTile, matrixStride, matrixStrips, rowsOf, threadsOf } from './gemmTiles.js';
import { linesOfKinds } from './gemmWgsl.js';
import { lines } from './wgslLines.js';

const types = {
  f16: { number: 'f16', perWord: 1, sum: 'f32' },
  i8: { number: 'i32', perWord: 4, sum: 'i32' }, // four a word
} as const;

/**
 * A product by matrices that subgroups multiply: strips of rows and weights lie in workgroup memory, each subgroup loads its
 * matrices from there and keeps its sums in matrices, whose numbers go through the memory again to be finished. Columns are in fours.
 *
 * The sums of a result are in an order that the device has, the same in each tile of the same matrices.
 */
export function matrixMainWgsl(tile: MatrixTile, isGated: boolean): string {
  const { of, subgroupSize, width, height, shape } = tile;
  const { number, perWord, sum } = types[of];
  const [tileRows, tileColumns, strip] = [rowsOf(tile), columnsOf(tile), matrixStrips[of]];
  /** From a row to the next. */
  const [rowStride, weightStride] = [matrixStride(strip, of), matrixStride(tileColumns, of)];
  const [rowMatrices, columnMatrices] = [tile.rows / shape.M, tile.columns / shape.N];
  const forKinds = linesOfKinds(isGated);
  const forMatrices = (line: (i: number, j: number) => string) =>
    lines(rowMatrices, (i) => lines(columnMatrices, (j) => line(i, j)));
  const resultSize = shape.M * shape.N;
  /** Words of the rows' and weights' memory from a number on. */
  const word = (at: string) => (perWord === 1 ? at : `(${at}) / ${perWord}`);
  const storeRows = lines(
    4,
    (c) => `rowTile[at + ${c}] = ${of === 'f16' ? `values[${c}]` : `bitcast<i32>(values[${c}])`};`,
  );
  const storeWeights = (kind: string, n: string) =>
    of === 'f16'
      ? `let ${kind}Four = loadWeight(k0 + k, ${n});
      ${lines(4, (c) => `${kind}Weights[k * ${weightStride} + n + ${c}] = ${kind}Four[${c}];`)}`
      : `${kind}Weights[${word(`k * ${weightStride} + n`)}] = bitcast<i32>(wordAt(4 * k0 + k, ${n}));`;
  const load = (type: string, from: string, at: string, stride: number) =>
    `subgroupMatrixLoad<${type}, row_major>(&${from}, u32(${word(at)}), ${stride / perWord}u)`;
  const left = (i: number) =>
    load(
      `subgroup_matrix_left<${of}, ${shape.K}, ${shape.M}>`,
      'rowTile',
      `(row + ${i * shape.M}) * ${rowStride} + k`,
      rowStride,
    );
  const right = (kind: string, j: number) =>
    load(
      `subgroup_matrix_right<${of}, ${shape.N}, ${shape.K}>`,
      `${kind}Weights`,
      `k * ${weightStride} + column + ${j * shape.N}`,
      weightStride,
    );
  return /* wgsl */ `
const TILE_ROWS = ${tileRows};
const THREADS = ${threadsOf(tile)};
var<workgroup> rowTile: array<${number}, ${(tileRows * rowStride) / perWord}>; // [m][k]
${forKinds(
  (kind) => `var<workgroup> ${kind}Weights: array<${number}, ${(strip * weightStride) / perWord}>; // [k][n]
var<workgroup> ${kind}Results: array<${sum}, ${width * height * resultSize}>; // of each subgroup [M][N]`,
)}

fn main() {
  let subgroup = i32(localIndex) / ${subgroupSize};
  let row = subgroup / ${width} * ${tile.rows};
  let column = subgroup % ${width} * ${tile.columns};
  let firstRow = i32(workgroupId.y) * TILE_ROWS;
  let firstColumn = i32(workgroupId.x) * ${tileColumns};
  measureRows(firstRow);
  ${forKinds((kind) => forMatrices((i, j) => `var ${kind}s${i}_${j} = subgroup_matrix_result<${sum}, ${shape.N}, ${shape.M}>();`))}
  for (var k0 = 0; k0 < uniforms.depth; k0 += ${strip / perWord}) {
    for (var i = i32(localIndex); i < ${(tileRows * strip) / perWord / 4}; i += THREADS) {
      let m = i / ${strip / perWord / 4};
      let k = i % ${strip / perWord / 4} * 4;
      let values = loadRows(firstRow + m, k0 + k);
      let at = m * ${rowStride / perWord} + k;
      ${storeRows}
    }
    for (var i = i32(localIndex); i < ${(strip * tileColumns) / 4}; i += THREADS) {
      let k = i / ${tileColumns / 4};
      let n = i % ${tileColumns / 4} * 4;
      ${storeWeights('sum', 'firstColumn + n')}
      ${isGated ? storeWeights('gate', 'uniforms.N + firstColumn + n') : ''}
    }
    workgroupBarrier();
    for (var k = 0; k < ${strip}; k += ${shape.K}) {
      ${lines(rowMatrices, (i) => `let left${i} = ${left(i)};`)}
      ${forKinds((kind) =>
        lines(
          columnMatrices,
          (j) => `{
        let right = ${right(kind, j)};
        ${lines(rowMatrices, (i) => `${kind}s${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right, ${kind}s${i}_${j});`)}
      }`,
        ),
      )}
    }
    workgroupBarrier();
  }
  ${forMatrices(
    (i, j) => `
  ${forKinds((kind) => `subgroupMatrixStore<row_major>(&${kind}Results, u32(subgroup * ${resultSize}), ${kind}s${i}_${j}, ${shape.N}u);`)}
  workgroupBarrier();
  for (var four = i32(localIndex) % ${subgroupSize}; four < ${resultSize / 4}; four += ${subgroupSize}) {
    let m = firstRow + row + ${i * shape.M} + four / ${shape.N / 4};
    let n = firstColumn + column + ${j * shape.N} + four % ${shape.N / 4} * 4;
    let at = subgroup * ${resultSize} + four * 4;
    if (m < uniforms.M && n < uniforms.N) {
      result[(m * uniforms.N + n) / 4] = finish(m, n / 4, ${fourOf('sum')}, ${isGated ? fourOf('gate') : 'vec4<f32>()'});
    }
  }
  workgroupBarrier();`,
  )}
}`;
}

/** Four results as f32. */
const fourOf = (kind: string) => `vec4<f32>(${[0, 1, 2, 3].map((c) => `f32(${kind}Results[at + ${c}])`).join(', ')})`;
