import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { type Activation, activationWgsl } from './activationWgsl.js';
import { directivesFor } from './directives.js';
import { columnsOf, type GemmTile, nameOfTile, rowsOf, threadsOf } from './gemmTiles.js';
import { type Arithmetic, finishWgsl, type GemmShape, mainWgsl, weightWgsl } from './gemmWgsl.js';
import { matrixMainWgsl } from './matrixWgsl.js';
import { packedDtype, packedFormats } from './packedWeights.js';
import { int, type KernelInput, type KernelUniform, runKernel } from './runKernel.js';
import { tileChoice } from './tileChoice.js';

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
  /**
   * What is multiplied; default f32. Rows of `f16` are halves and those of `i8` words of four bytes, `loadRows` gives `vec4` of
   * f16 and u32 then, and the WGSL has `fn rowScale(m: i32) -> f32`, the factor of row m, and `fn measureRows(firstRow: i32)`,
   * which all threads call before any row is loaded. It finds `TILE_ROWS` and `THREADS`, the rows and the threads of the
   * workgroup, and has `TILE_ROWS` words of workgroup memory.
   */
  readonly arithmetic?: Arithmetic;
  /** Numbers that a row has, or words; default K. */
  readonly depth?: number;
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
  /** f32 [K, N], or several of equal width N/n that stand side by side. All packed alike, or none; N/n divides by 4 then. */
  readonly weights: readonly TensorInfo[];
  readonly epilogue?: GemmEpilogue;
  /** Default: what was measured to be fastest for such a product on this device, else 64 × 64. */
  readonly tile?: GemmTile;
}

/** The matrix itself. @param x f32 [M, K] */
export function matrixSource(x: TensorInfo, K: number): GemmSource {
  const components = K % 4 === 0 ? 4 : 1;
  return {
    key: `matrix${components}`,
    inputs: { x: { tensor: x, components } },
    uniforms: {},
    wgsl: matrixWgsl('loadRows', components),
  };
}

/** `fn name(m: i32, k: i32) -> vec4<f32>`: columns k … k + 3 of row m of `x`, zeros beyond the edges. */
export function matrixWgsl(name: string, components: 1 | 4): string {
  if (components === 4) {
    return /* wgsl */ `
fn ${name}(m: i32, k: i32) -> vec4<f32> {
  if (m >= uniforms.M || k >= uniforms.K) { return vec4<f32>(0.0); }
  return x[(m * uniforms.K + k) / 4];
}`;
  }
  return /* wgsl */ `
fn ${name}(m: i32, k: i32) -> vec4<f32> {
  var values = vec4<f32>(0.0);
  if (m >= uniforms.M) { return values; }
  for (var c = 0; c < 4; c++) {
    if (k + c < uniforms.K) { values[c] = x[m * uniforms.K + k + c]; }
  }
  return values;
}`;
}

/**
 * result = epilogue(rows · weight), f32 [M, N].
 *
 * Bindings: result, the source's, weights, then what the epilogue has. Dispatch ⌈N / tile's columns⌉ × ⌈M / tile's rows⌉; workgroup memory
 * by `tileMemory`, 8 KiB for 64 × 64 of f32. Widths that no 4 divides are read and written one by one.
 */
export function gemm({ sizes, source, weights, epilogue = {}, tile: wanted }: GemmCall): Tensor {
  const { M, N, K } = sizes;
  const { numPhases = 1, arithmetic = 'f32', depth = K } = source;
  const { bias, activation, isGated = false, residual, modulation } = epilogue;
  const width = N / weights.length; // columns of a weight that make results
  const components = width % 4 === 0 ? 4 : 1;
  const packing = packedDtype(weights[0]!);
  const weightComponents = packing ? packedFormats[packing].components : components;
  const optional = { bias, residual, scale: modulation?.scale, shift: modulation?.shift };
  const given = Object.entries(optional).filter((entry): entry is [string, TensorInfo] => entry[1] !== undefined);
  const inputs = {
    ...source.inputs,
    ...Object.fromEntries(
      weights.map((tensor, i) => [`weight${i}`, { tensor, components: weightComponents } as const]),
    ),
    ...Object.fromEntries(given.map(([name, tensor]) => [name, { tensor, components } as const])),
  };
  const key = [
    source.key,
    weights.length,
    packing,
    components,
    activation,
    isGated,
    ...given.map(([name]) => name),
  ].join('_');
  const choice = tileChoice();
  const run = (tile: GemmTile) => {
    const hasPhases = numPhases > 1;
    const shape: GemmShape = { arithmetic, numWeights: weights.length, components, packing, hasPhases };
    return runKernel({
      key: `museGemm_${nameOfTile(tile)}_${key}`,
      inputs,
      outputShape: [numPhases * M, N],
      outputComponents: components,
      workgroups: [Math.ceil(N / columnsOf(tile)), Math.ceil(M / rowsOf(tile)), numPhases],
      workgroupSize: [threadsOf(tile), 1, 1],
      uniforms: {
        M: int(M),
        N: int(N),
        K: int(K),
        depth: int(depth),
        rowsPerImage: int(modulation?.rowsPerImage ?? 1),
        ...source.uniforms,
      },
      wgsl: [
        directivesFor({ tile, arithmetic }, choice.traits.isPinned),
        source.wgsl,
        activation ? activationWgsl(activation, components === 4 ? 'vec4<f32>' : 'f32') : '',
        weightWgsl(shape, isGated),
        finishWgsl(shape, epilogue),
        tile.kind === 'matrices' ? matrixMainWgsl(tile, isGated) : mainWgsl(shape, tile, isGated),
      ].join('\n'),
    });
  };
  if (wanted) return run(wanted);
  const tiles = choice.tilesFor(arithmetic, isGated);
  const tile = choice.tileOf(`${key} ${M}×${N}×${K}×${numPhases}`, tiles, () => ({
    inputs: Object.values(inputs).map(({ tensor }) => tensor),
    flop: 2 * M * N * K * numPhases * (isGated ? 2 : 1),
    tiles,
    run,
  }));
  return run(tile);
}
