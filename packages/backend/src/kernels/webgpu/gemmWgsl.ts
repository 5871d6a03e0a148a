import type { GemmEpilogue } from './gemm.js';
import { columnsOf, ROW_STRIDE, rowsOf, STRIP, type ThreadTile, threadsOf } from './gemmTiles.js';
import { type GpuDtype, packedFormats, WIDEN_HALVES } from './packedWeights.js';
import type { Components } from './runKernel.js';
import { lines } from './wgslLines.js';

/**
 * What is multiplied: `f32`; `f16`, halves whose products are summed in halves over a strip and in f32 from strip to strip; `i8`,
 * words of four integers of 8 bits by `dot4I8Packed`, whose sums are exact.
 */
export type Arithmetic = 'f32' | 'f16' | 'i8';

/** Types of a number in the tiles and of a sum. */
const numberTypes = { f32: 'f32', f16: 'f16', i8: 'u32' } as const;
const sumTypes = { f32: 'f32', f16: 'f32', i8: 'i32' } as const;

export interface GemmShape {
  readonly arithmetic: Arithmetic;
  readonly numWeights: number;
  /** Numbers of the result that are written at once. */
  readonly components: Components;
  readonly packing: GpuDtype | undefined;
  readonly hasPhases: boolean;
}

/**
 * `fn loadWeight(k, n)`: columns n … n + 3 of row k of the weights side by side, zeros beyond the edges; of `i8` of rows 4k … 4k + 3.
 * Without the columns' factors: `fn columnScale(n) -> vec4<f32>` has those.
 */
export function weightWgsl(shape: GemmShape, isGated: boolean): string {
  const { arithmetic, numWeights, components, packing } = shape;
  const stride = isGated ? '(2 * uniforms.N)' : `(uniforms.N / ${numWeights})`;
  const columns = isGated ? '2 * uniforms.N' : 'uniforms.N';
  /** Chooses the weight of column n; `read` has its name and the column in it. */
  const choose = (read: (weight: string, column: string) => string) =>
    Array.from({ length: numWeights }, (_, i) => {
      const value = read(`weight${i}`, `(n - ${i} * ${stride})`);
      return i === numWeights - 1 ? `return ${value};` : `if (n < ${i + 1} * ${stride}) { return ${value}; }`;
    }).join('\n  ');
  if (components === 1) {
    return /* wgsl */ `
fn weightAt(k: i32, n: i32) -> f32 {
  if (k >= uniforms.K || n >= ${columns}) { return 0.0; }
  let row = i32(workgroupId.z) * uniforms.K + k;
  ${choose((weight, column) => `${weight}[row * ${stride} + ${column}]`)}
}
fn loadWeight(k: i32, n: i32) -> vec4<f32> {
  return vec4<f32>(weightAt(k, n), weightAt(k, n + 1), weightAt(k, n + 2), weightAt(k, n + 3));
}`;
  }
  const format = packing && packedFormats[packing];
  const quad = (column: string) => `(row * ${stride} + ${column}) / 4`;
  const readFour = (weight: string, column: string) => {
    if (!format) return `${weight}[${quad(column)}]`;
    const words = format.words(weight, quad(column), stride);
    return arithmetic === 'f16' ? `bitcast<vec4<f16>>(${words})` : format.widen(words);
  };
  const scales = format?.hasFactors
    ? `fn columnScale(n: i32) -> vec4<f32> {\n  ${choose((weight, column) => format.factors(weight, column))}\n}`
    : '';
  if (arithmetic === 'i8') {
    return /* wgsl */ `
${scales}
// Columns n … n + 3 of row k, which may be past K: its rows meet zeros.
fn wordAt(k: i32, n: i32) -> u32 {
  let row = min(k, uniforms.K - 1);
  ${choose((weight, column) => `bitcast<u32>(${format!.words(weight, quad(column), stride)})`)}
}
// Four rows of four columns become four columns of four rows.
fn loadWeight(k: i32, n: i32) -> vec4<u32> {
  if (4 * k >= uniforms.K || n >= ${columns}) { return vec4<u32>(); }
  let rows = vec4<u32>(wordAt(4 * k, n), wordAt(4 * k + 1, n), wordAt(4 * k + 2, n), wordAt(4 * k + 3, n));
  let bytes = vec4<u32>(8u);
  return vec4<u32>(pack4xU8(rows), pack4xU8(rows >> bytes), pack4xU8(rows >> (2u * bytes)), pack4xU8(rows >> (3u * bytes)));
}`;
  }
  const type = `vec4<${numberTypes[arithmetic]}>`;
  return /* wgsl */ `
${format?.components === 2 ? WIDEN_HALVES : ''}
${scales}
fn loadWeight(k: i32, n: i32) -> ${type} {
  if (k >= uniforms.K || n >= ${columns}) { return ${type}(); }
  let row = i32(workgroupId.z) * uniforms.K + k;
  ${choose(readFour)}
}`;
}

/** `fn finish(m, n, value, gate)`; n and N count in the unit of the result, one number or four. */
export function finishWgsl({ arithmetic, components, packing }: GemmShape, epilogue: GemmEpilogue): string {
  const { bias, activation, isGated, residual, modulation } = epilogue;
  const type = components === 4 ? 'vec4<f32>' : 'f32';
  const scaled = (sum: string, n: string) => {
    if (!packing || !packedFormats[packing].hasFactors) return sum;
    if (arithmetic === 'f32') return `${sum} * columnScale(${n})`;
    return `${sum} * rowScale(m) * ${arithmetic === 'i8' ? `(columnScale(${n}) / 127.0)` : `columnScale(${n})`}`;
  };
  return /* wgsl */ `
fn finish(m: i32, n: i32, value: ${type}, gate: ${type}) -> ${type} {
  let N = uniforms.N / ${components};
  var y = ${scaled('value', 'n * 4')};
  ${bias ? 'y += bias[n];' : ''}
  ${activation && !isGated ? 'y = activate(y);' : ''}
  ${isGated ? `y *= activate(${scaled('gate', '(N + n) * 4')}${bias ? ' + bias[N + n]' : ''});` : ''}
  ${residual ? 'y += residual[m * N + n];' : ''}
  ${modulation ? 'let image = m / uniforms.rowsPerImage;\n  y = y * scale[image * N + n] + shift[image * N + n];' : ''}
  return y;
}`;
}

/** Every result sums its products in the order of K, whatever the tile: the same bits. */
export function mainWgsl({ arithmetic, components, hasPhases }: GemmShape, tile: ThreadTile, isGated: boolean): string {
  const type = numberTypes[arithmetic];
  const { width, rows, quads } = tile;
  const sums = `array<vec4<${sumTypes[arithmetic]}>, ${rows * quads}>`;
  const tileQuads = columnsOf(tile) / 4;
  const threads = threadsOf(tile);
  /** Lines for each four columns of a thread. */
  const perQuad = (line: (q: number) => string) => lines(quads, line);
  const forKinds = linesOfKinds(isGated);
  const add = (into: string, q: number, i: string, c: number) => {
    const at = `[${i} * ${quads} + ${q}]`;
    const four = `${into}Four${q}_${c}`;
    if (arithmetic === 'f32') return `${into}s${at} += value * ${four};`;
    if (arithmetic === 'f16') return `${into}Strip${at} += value * ${four};`;
    const dots = ['x', 'y', 'z', 'w'].map((c) => `dot4I8Packed(value, ${four}.${c})`).join(', ');
    return `${into}s${at} += vec4<i32>(${dots});`;
  };
  const strip: Strip = {
    load: (k, c) =>
      forKinds((kind) =>
        perQuad((q) => `let ${kind}Four${q}_${c} = ${kind}Weights[${k} * ${tileQuads} + ${q * width} + column];`),
      ),
    add: (i, c) => forKinds((kind) => perQuad((q) => add(kind, q, i, c))),
  };
  const from = tile.kind === 'memory' ? rowsFromMemory(tile, type) : rowsFromSubgroups(tile, type);
  const write = (q: number) => {
    const at = `[i * ${quads} + ${q}]`;
    const [sum, gate] = [`vec4<f32>(sums${at})`, isGated ? `vec4<f32>(gates${at})` : 'vec4<f32>(0.0)'];
    const n = `(firstColumn + (${q * width} + column) * 4)`;
    if (components === 4) {
      return `if (${n} < uniforms.N) { result[(to * uniforms.N + ${n}) / 4] = finish(to, ${n} / 4, ${sum}, ${gate}); }`;
    }
    return /* wgsl */ `for (var c = 0; c < 4; c++) {
        if (${n} + c < uniforms.N) {
          result[to * uniforms.N + ${n} + c] = finish(to, ${n} + c, ${sum}[c], ${gate}[c]);
        }
      }`;
  };
  // An array declared in a loop is not zeroed again by every driver: it is always given its zeros.
  return /* wgsl */ `
const TILE_ROWS = ${rowsOf(tile)};
const THREADS = ${threads};
${from.declare}
${forKinds((kind) => `var<workgroup> ${kind}Weights: array<vec4<${type}>, ${STRIP * tileQuads}>; // [k][n / 4]`)}

fn main() {
  let row = i32(localIndex) / ${width};
  let column = i32(localIndex) % ${width};
  let firstRow = i32(workgroupId.y) * ${rowsOf(tile)};
  let firstColumn = i32(workgroupId.x) * ${columnsOf(tile)};
  ${arithmetic === 'f32' ? '' : 'measureRows(firstRow);'}
  ${forKinds((kind) => `var ${kind}s = ${sums}();`)}
  for (var k0 = 0; k0 < uniforms.depth; k0 += ${STRIP}) {
    ${from.load}
    for (var i = i32(localIndex); i < ${STRIP * tileQuads}; i += THREADS) {
      let n = firstColumn + i % ${tileQuads} * 4;
      sumWeights[i] = loadWeight(k0 + i / ${tileQuads}, n);
      ${isGated ? `gateWeights[i] = loadWeight(k0 + i / ${tileQuads}, uniforms.N + n);` : ''}
    }
    workgroupBarrier();
    ${arithmetic === 'f16' ? forKinds((kind) => `var ${kind}Strip = array<vec4<f16>, ${rows * quads}>();`) : ''}
    ${from.multiply(strip)}
    ${
      arithmetic === 'f16'
        ? `for (var i = 0; i < ${rows * quads}; i++) { ${forKinds((kind) => `${kind}s[i] += vec4<f32>(${kind}Strip[i]);`)} }`
        : ''
    }
    workgroupBarrier();
  }
  for (var i = 0; i < ${rows}; i++) {
    let m = firstRow + row * ${rows} + i;
    if (m < uniforms.M) {
      let to = ${hasPhases ? 'resultRow(m)' : 'm'};
      ${perQuad(write)}
    }
  }
}`;
}

/** Lines for the values of a product, and again for their gates if it has them. */
export const linesOfKinds =
  (isGated: boolean) =>
  (line: (kind: 'sum' | 'gate') => string): string =>
    (isGated ? (['sum', 'gate'] as const) : (['sum'] as const)).map(line).join('\n');

/** Lines of a thread for a strip of weights. */
interface Strip {
  /** The weights of k, the c-th of four that are at hand at once. */
  load(k: string, c: number): string;
  /** What `value`, the number of row i of the thread at the c-th, adds. */
  add(i: string, c: number): string;
}

/** How a strip of rows gets to the threads that multiply it. */
interface RowSupply {
  readonly declare: string;
  /** By all threads, before a barrier. */
  readonly load: string;
  /** All products of a strip, in the order of k for each result. */
  multiply(strip: Strip): string;
}

/** As they are loaded, by fours along K; threads side by side read the same ones. */
function rowsFromMemory(tile: ThreadTile, type: string): RowSupply {
  return {
    declare: `var<workgroup> rowTile: array<vec4<${type}>, ${rowsOf(tile) * ROW_STRIDE}>; // [m][k / 4]`,
    load: /* wgsl */ `for (var i = i32(localIndex); i < ${(rowsOf(tile) * STRIP) / 4}; i += THREADS) {
      rowTile[i / ${STRIP / 4} * ${ROW_STRIDE} + i % ${STRIP / 4}] = loadRows(firstRow + i / ${STRIP / 4}, k0 + i % ${STRIP / 4} * 4);
    }`,
    multiply: (strip) => /* wgsl */ `for (var k = 0; k < ${STRIP}; k += 4) {
      ${lines(4, (c) => strip.load(`(k + ${c})`, c))}
      for (var i = 0; i < ${tile.rows}; i++) {
        let values = rowTile[(row * ${tile.rows} + i) * ${ROW_STRIDE} + k / 4];
        ${lines(4, (c) => `{ let value = values[${c}]; ${strip.add('i', c)} }`)}
      }
    }`,
  };
}

/**
 * The rows of a subgroup are those of each of its threads. A thread loads fours of them, of four threads a row's strip; the loops
 * are unrolled, as a number is handed on from a thread that the code names.
 */
function rowsFromSubgroups({ width, rows }: ThreadTile, type: string): RowSupply {
  const numHeld = (rows * STRIP) / 4 / width;
  return {
    declare: '',
    load: lines(numHeld, (h) => {
      const i = `${(h * width) / 4} + column / 4`;
      return `let held${h}: vec4<${type}> = loadRows(firstRow + row * ${rows} + ${i}, k0 + column % 4 * 4);`;
    }),
    multiply: (strip) =>
      lines(
        STRIP,
        (k) => `{
      ${strip.load(`${k}`, 0)}
      ${lines(rows, (i) => {
        const four = i * 4 + Math.floor(k / 4); // of the subgroup's strip
        const held = `held${Math.floor(four / width)}[${k % 4}]`;
        return `{ let value = subgroupBroadcast(${held}, ${four % width}u); ${strip.add(`${i}`, 0)} }`;
      })}
    }`,
      ),
  };
}
