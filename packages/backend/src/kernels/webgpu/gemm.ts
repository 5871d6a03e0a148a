import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { type Activation, activationWgsl } from './activationWgsl.js';
import { type PackedDtype, packedDtype } from './packedWeights.js';
import { type Components, int, type KernelInput, type KernelUniform, runKernel } from './runKernel.js';

/** Where the rows of the left matrix come from. */
export interface GemmSource {
  readonly key: string;
  readonly inputs: Readonly<Record<string, KernelInput>>;
  readonly uniforms: Readonly<Record<string, KernelUniform>>;
  /** `fn loadRows(m: i32, k: i32) -> vec4<f32>`: columns k … k + 3 of row m, zeros beyond the edges; k divides by 4. */
  readonly wgsl: string;
  /**
   * Products in one dispatch, one per `workgroupId.z`; default 1. The weight is f32 [numPhases · K, N] then, and the WGSL
   * has `fn resultRow(m: i32) -> i32`, the row of the result that row m of a phase becomes.
   */
  readonly numPhases?: number;
}

/** What happens to a result before it is written: activation(y + bias), + residual, · scale + shift. */
export interface GemmEpilogue {
  /** f32 [N]; of `isGated` [2N]. */
  readonly bias?: TensorInfo;
  readonly activation?: Activation;
  /** The weight has 2N columns: the first half times the activation of the second. */
  readonly isGated?: boolean;
  /** f32 [M, N] */
  readonly residual?: TensorInfo;
  /** f32 [B, N] each; row m belongs to b = m / rowsPerImage. */
  readonly modulation?: { readonly scale: TensorInfo; readonly shift: TensorInfo; readonly rowsPerImage: number };
}

export interface GemmCall {
  readonly sizes: { readonly M: number; readonly N: number; readonly K: number };
  readonly source: GemmSource;
  /** f32 [K, N], or several of equal width N/n that stand side by side. All packed alike, or none. */
  readonly weights: readonly TensorInfo[];
  readonly epilogue?: GemmEpilogue;
}

/** A workgroup of 16 × 16 makes 64 × 64 results, a thread 4 × 4 of them, in strips of 16 along K. */
const TILE = 64;
const STRIP = 16;
/** Rows of the transposed tile in workgroup memory: one more, so that writes fall on different banks. */
const TILE_STRIDE = TILE + 1;

/** The matrix itself. @param x f32 [M, K] */
export function matrixSource(x: TensorInfo, K: number): GemmSource {
  const isVector = K % 4 === 0;
  const wgsl = isVector
    ? /* wgsl */ `
fn loadRows(m: i32, k: i32) -> vec4<f32> {
  if (m >= uniforms.M || k >= uniforms.K) { return vec4<f32>(0.0); }
  return x[(m * uniforms.K + k) / 4];
}`
    : /* wgsl */ `
fn loadRows(m: i32, k: i32) -> vec4<f32> {
  var values = vec4<f32>(0.0);
  if (m >= uniforms.M) { return values; }
  for (var c = 0; c < 4; c++) {
    if (k + c < uniforms.K) { values[c] = x[m * uniforms.K + k + c]; }
  }
  return values;
}`;
  return {
    key: `matrix${isVector ? 4 : 1}`,
    inputs: { x: { tensor: x, components: isVector ? 4 : 1 } },
    uniforms: {},
    wgsl,
  };
}

/**
 * result = epilogue(rows · weight), f32 [M, N], accumulated in f32.
 *
 * Bindings: result, the source's, weights, then what the epilogue has. Dispatch ⌈N/64⌉ × ⌈M/64⌉. Workgroup memory 8 KiB, 12 for gated.
 * Widths that no 4 divides are read and written one by one.
 */
export function gemm({ sizes, source, weights, epilogue = {} }: GemmCall): Tensor {
  const { M, N, K } = sizes;
  const { numPhases = 1 } = source;
  const { bias, activation, isGated = false, residual, modulation } = epilogue;
  const width = N / weights.length; // columns of a weight that make results
  const components = width % 4 === 0 ? 4 : 1;
  const packing = packedDtype(weights[0]!);
  const weightComponents = packing ? ({ f16: 2, q8: 1 } as const)[packing] : components;
  const optional = { bias, residual, scale: modulation?.scale, shift: modulation?.shift };
  const given = Object.entries(optional).filter((entry): entry is [string, TensorInfo] => entry[1] !== undefined);
  const inputs = {
    ...source.inputs,
    ...Object.fromEntries(
      weights.map((tensor, i) => [`weight${i}`, { tensor, components: weightComponents } as const]),
    ),
    ...Object.fromEntries(given.map(([name, tensor]) => [name, { tensor, components } as const])),
  };
  return runKernel({
    key: [
      'museGemm',
      source.key,
      weights.length,
      packing,
      components,
      activation,
      isGated,
      ...given.map(([name]) => name),
    ].join('_'),
    inputs,
    outputShape: [numPhases * M, N],
    outputComponents: components,
    workgroups: [Math.ceil(N / TILE), Math.ceil(M / TILE), numPhases],
    workgroupSize: [16, 16, 1],
    uniforms: { M: int(M), N: int(N), K: int(K), rowsPerImage: int(modulation?.rowsPerImage ?? 1), ...source.uniforms },
    wgsl: [
      source.wgsl,
      activation ? activationWgsl(activation, components === 4 ? 'vec4<f32>' : 'f32') : '',
      weightWgsl({ numWeights: weights.length, components, isGated, packing }),
      finishWgsl(epilogue, components, packing),
      mainWgsl(components, isGated, numPhases > 1),
    ].join('\n'),
  });
}

interface WeightOptions {
  readonly numWeights: number;
  readonly components: Components;
  readonly isGated: boolean;
  readonly packing: PackedDtype | undefined;
}

/**
 * `fn loadWeight(k, n) -> vec4<f32>`: columns n … n + 3 of row k of the weights side by side, zeros beyond the edges. Of q8
 * without the columns' factors: `fn columnScale(n) -> vec4<f32>` has those.
 */
function weightWgsl({ numWeights, components, isGated, packing }: WeightOptions): string {
  const stride = isGated ? '(2 * uniforms.N)' : `(uniforms.N / ${numWeights})`;
  const columns = isGated ? '2 * uniforms.N' : 'uniforms.N';
  /** Chooses the weight of column n; `read` has its name and the column in it. */
  const choose = (read: (weight: string, column: string) => string) =>
    Array.from({ length: numWeights }, (_, i) => {
      const value = read(`weight${i}`, `(n - ${i} * ${stride})`);
      return i === numWeights - 1 ? `return ${value};` : `if (n < ${i + 1} * ${stride}) { return ${value}; }`;
    }).join('\n  ');
  const readFour = (weight: string, column: string) => {
    const at = `(row * ${stride} + ${column}) / 4`;
    if (packing === 'f16') return `halves(${weight}[${at}])`;
    return packing === 'q8' ? `unpack4x8snorm(bitcast<u32>(${weight}[${stride} + ${at}]))` : `${weight}[${at}]`;
  };
  if (components === 4) {
    const readScale = (weight: string, column: string) =>
      `vec4<f32>(${[0, 1, 2, 3].map((c) => `bitcast<f32>(${weight}[${column} + ${c}])`).join(', ')})`;
    return /* wgsl */ `
${
  packing === 'f16'
    ? `fn halves(words: vec2<i32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(bitcast<u32>(words.x)), unpack2x16float(bitcast<u32>(words.y)));
}`
    : ''
}
${packing === 'q8' ? `fn columnScale(n: i32) -> vec4<f32> {\n  ${choose(readScale)}\n}` : ''}
fn loadWeight(k: i32, n: i32) -> vec4<f32> {
  if (k >= uniforms.K || n >= ${columns}) { return vec4<f32>(0.0); }
  let row = i32(workgroupId.z) * uniforms.K + k;
  ${choose(readFour)}
}`;
  }
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

/** `fn finish(m, n, value, gate)`; n and N count in the unit of the result, one number or four. */
function finishWgsl(
  { bias, activation, isGated, residual, modulation }: GemmEpilogue,
  components: Components,
  packing: PackedDtype | undefined,
): string {
  const isScaled = packing === 'q8';
  const type = components === 4 ? 'vec4<f32>' : 'f32';
  return /* wgsl */ `
fn finish(m: i32, n: i32, value: ${type}, gate: ${type}) -> ${type} {
  let N = uniforms.N / ${components};
  var y = value${isScaled ? ' * columnScale(n * 4)' : ''};
  ${bias ? 'y += bias[n];' : ''}
  ${activation && !isGated ? 'y = activate(y);' : ''}
  ${isGated ? `y *= activate(gate${isScaled ? ' * columnScale((N + n) * 4)' : ''}${bias ? ' + bias[N + n]' : ''});` : ''}
  ${residual ? 'y += residual[m * N + n];' : ''}
  ${modulation ? 'let image = m / uniforms.rowsPerImage;\n  y = y * scale[image * N + n] + shift[image * N + n];' : ''}
  return y;
}`;
}

function mainWgsl(components: Components, isGated: boolean, hasPhases: boolean): string {
  const write =
    components === 4
      ? /* wgsl */ `result[(to * uniforms.N + n) / 4] = finish(to, n / 4, sums[i], ${isGated ? 'gates[i]' : 'vec4<f32>(0.0)'});`
      : /* wgsl */ `for (var c = 0; c < 4; c++) {
        if (n + c < uniforms.N) {
          result[to * uniforms.N + n + c] = finish(to, n + c, sums[i][c], ${isGated ? 'gates[i][c]' : '0.0'});
        }
      }`;
  // An array declared in a loop is not zeroed again by every driver: it is always given its zeros.
  return /* wgsl */ `
var<workgroup> rowTile: array<f32, ${STRIP * TILE_STRIDE}>; // [k][m]
var<workgroup> weightTile: array<vec4<f32>, ${(STRIP * TILE) / 4}>; // [k][n / 4]
${isGated ? `var<workgroup> gateTile: array<vec4<f32>, ${(STRIP * TILE) / 4}>;` : ''}

fn main() {
  let row = i32(localId.y);
  let column = i32(localId.x);
  let thread = i32(localIndex);
  let firstRow = i32(workgroupId.y) * ${TILE};
  let n = i32(workgroupId.x) * ${TILE} + column * 4;
  var sums = array<vec4<f32>, 4>();
  ${isGated ? 'var gates = array<vec4<f32>, 4>();' : ''}
  for (var k0 = 0; k0 < uniforms.K; k0 += ${STRIP}) {
    let values = loadRows(firstRow + thread / 4, k0 + (thread % 4) * 4);
    for (var c = 0; c < 4; c++) {
      rowTile[((thread % 4) * 4 + c) * ${TILE_STRIDE} + thread / 4] = values[c];
    }
    weightTile[thread] = loadWeight(k0 + row, n);
    ${isGated ? 'gateTile[thread] = loadWeight(k0 + row, uniforms.N + n);' : ''}
    workgroupBarrier();
    for (var k = 0; k < ${STRIP}; k++) {
      let weights = weightTile[k * 16 + column];
      ${isGated ? 'let gateWeights = gateTile[k * 16 + column];' : ''}
      for (var i = 0; i < 4; i++) {
        let value = rowTile[k * ${TILE_STRIDE} + row * 4 + i];
        sums[i] += value * weights;
        ${isGated ? 'gates[i] += value * gateWeights;' : ''}
      }
    }
    workgroupBarrier();
  }
  if (n >= uniforms.N) { return; }
  for (var i = 0; i < 4; i++) {
    let m = firstRow + row * 4 + i;
    if (m < uniforms.M) {
      let to = ${hasPhases ? 'resultRow(m)' : 'm'};
      ${write}
    }
  }
}`;
}
