/// <reference types="@webgpu/types" />
import { matrixStrips } from './gemmTiles.js';

/** What subgroups multiply matrices of: halves summed in f32, bytes in 32 bits. */
export type MatrixNumber = 'f16' | 'i8';

/** Sides of the matrices that the subgroups of a device multiply: rows · columns = [M, K] · [K, N]. */
export interface MatrixShape {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a device is, and has beside WebGPU's least, as kernels use it. */
export interface GpuTraits {
  /** Computed by the processor. */
  readonly isSoftware?: boolean;
  /** Threads of a subgroup, 8, 16 or 32, if kernels may count on so many. */
  readonly subgroupSize?: number;
  /** It has others too, so a kernel must say that it counts on these. */
  readonly isPinned: boolean;
  /** Matrices that subgroups multiply: halves summed in f32, bytes in 32 bits. */
  readonly matrices: Readonly<Partial<Record<MatrixNumber, MatrixShape>>>;
}

/** Of which products make use where they are. Matrices are an experiment of Dawn's, which offers it in Node. */
const SUBGROUPS = 'subgroups' as GPUFeatureName;
const SIZE_CONTROL = 'subgroup-size-control' as GPUFeatureName;
const MATRICES = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;
export const SUBGROUP_FEATURES = [SUBGROUPS, SIZE_CONTROL, MATRICES];

/** As in gpuweb/gpuweb, proposals/subgroup-matrix.md. */
interface SubgroupInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: readonly (MatrixShape & {
    readonly componentType: string;
    readonly resultComponentType: string;
  })[];
}

/** What products are summed in. */
const sums = { f16: 'f32', i8: 'i32' } as const;

/**
 * What a device with such features says of its subgroups, by its adapter's info: Dawn's device has no matrices in its own. What it
 * says of matrices is checked before it is believed (`checkMatrices`).
 */
export function traitsOf(features: GPUSupportedFeatures, info: GPUAdapterInfo): GpuTraits {
  if (!features.has(SUBGROUPS)) return { matrices: {}, isPinned: false };
  const { subgroupMinSize = 0, subgroupMaxSize = 0, subgroupMatrixConfigs = [] } = info as SubgroupInfo;
  // Of several sizes 32, which all such GPUs have; where it can not be asked for, the bits tell whether it was meant.
  const subgroupSize = Math.min(Math.max(32, subgroupMinSize), subgroupMaxSize);
  if (![8, 16, 32].includes(subgroupSize)) return { matrices: {}, isPinned: false };
  const shapesOf = (of: MatrixNumber): Partial<Record<MatrixNumber, MatrixShape>> => {
    const config = subgroupMatrixConfigs.find(
      ({ componentType, resultComponentType, K, N }) =>
        componentType === of && resultComponentType === sums[of] && matrixStrips[of] % K === 0 && N % 4 === 0,
    );
    return config ? { [of]: { M: config.M, N: config.N, K: config.K } } : {};
  };
  return {
    subgroupSize,
    isPinned: subgroupMinSize !== subgroupMaxSize && features.has(SIZE_CONTROL),
    matrices: {
      ...(features.has(MATRICES) && { ...shapesOf('i8'), ...(features.has('shader-f16') && shapesOf('f16')) }),
    },
  };
}
