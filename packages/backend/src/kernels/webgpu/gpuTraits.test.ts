/// <reference types="@webgpu/types" />
import { describe, expect, it } from 'vitest';
import { SUBGROUP_FEATURES, traitsOf } from './gpuTraits.js';

const all = [...SUBGROUP_FEATURES, 'shader-f16'];

interface Said {
  readonly features?: readonly string[];
  readonly sizes: readonly [least: number, greatest: number];
  /** component, result, M, N, K */
  readonly matrices?: readonly (readonly [string, string, number, number, number])[];
}

const traits = ({ features = all, sizes, matrices = [] }: Said) =>
  traitsOf(
    new Set(features) as GPUSupportedFeatures,
    {
      subgroupMinSize: sizes[0],
      subgroupMaxSize: sizes[1],
      subgroupMatrixConfigs: matrices.map(([componentType, resultComponentType, M, N, K]) => ({
        componentType,
        resultComponentType,
        M,
        N,
        K,
      })),
    } as unknown as GPUAdapterInfo,
  );

describe('what products use of a device', () => {
  it('is nothing without subgroups, or with such as no kernel is written for', () => {
    const nothing = { matrices: {}, isPinned: false };
    expect(traits({ features: ['shader-f16'], sizes: [32, 32] })).toEqual(nothing);
    expect(traits({ sizes: [4, 4] })).toEqual(nothing);
    expect(traits({ sizes: [64, 64] })).toEqual(nothing);
  });

  it('is the size of its subgroups, 32 where there are several, which is asked for if it can be', () => {
    expect(traits({ sizes: [8, 8] })).toEqual({ subgroupSize: 8, isPinned: false, matrices: {} });
    expect(traits({ sizes: [32, 64] })).toEqual({ subgroupSize: 32, isPinned: true, matrices: {} });
    expect(traits({ sizes: [8, 16] })).toEqual({ subgroupSize: 16, isPinned: true, matrices: {} });
    expect(traits({ features: ['subgroups'], sizes: [4, 64] })).toMatchObject({ subgroupSize: 32, isPinned: false });
  });

  it('is the first of its matrices that sum in 32 bits', () => {
    const matrices = [
      ['f16', 'f16', 16, 16, 16],
      ['f16', 'f32', 16, 16, 16],
      ['f16', 'f32', 16, 8, 16],
      ['u8', 'u32', 16, 16, 32],
      ['i8', 'i32', 16, 16, 32],
    ] as const;
    const shapes = { f16: { M: 16, N: 16, K: 16 }, i8: { M: 16, N: 16, K: 32 } };
    expect(traits({ sizes: [32, 32], matrices }).matrices).toEqual(shapes);
    expect(traits({ sizes: [32, 32], matrices: matrices.slice(0, 1) }).matrices).toEqual({});
    const features = all.filter((feature) => feature !== 'shader-f16');
    expect(traits({ features, sizes: [32, 32], matrices }).matrices).toEqual({ i8: shapes.i8 });
    expect(traits({ features: ['subgroups'], sizes: [32, 32], matrices }).matrices).toEqual({});
  });
});
