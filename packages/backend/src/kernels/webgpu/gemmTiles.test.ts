/// <reference types="@webgpu/types" />
import type { Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Backend, createBackend } from '../../index.js';
import { gemm, matrixSource } from './gemm.js';
import { type GemmTile, nameOfTile, tileMemory, tilesFor, tilesOf } from './gemmTiles.js';
import type { Arithmetic } from './gemmWgsl.js';
import type { GpuTraits, MatrixShape } from './gpuTraits.js';
import { packWeight } from './packedWeights.js';
import { roundedSource } from './roundedRows.js';

/** Of Dawn's null adapter. */
const WORKGROUP_BYTES = 16_384;
const [M, K] = [70, 40];

/** Matrices of GPUs, as Dawn says of them, that no software adapter has: NVIDIA's and AMD's, Intel's. */
const shapes: readonly MatrixShape[] = [
  { M: 16, N: 16, K: 16 },
  { M: 8, N: 16, K: 16 },
  { M: 16, N: 16, K: 32 },
];

// Nothing is computed on the null adapter, which has all features, but the code is checked as on a GPU.
describe.skipIf(await lacksDawn())('tiles of products, for all sizes of subgroups (needs the package webgpu)', () => {
  let backend: Backend;
  beforeAll(async () => {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
    backend = await createBackend({ device: 'webgpu', autotune: false });
    return () => backend.dispose();
  });

  function product(arithmetic: Arithmetic, tile: GemmTile, isGated: boolean): Tensor {
    const { tf } = backend;
    return tf.tidy(() => {
      const [x, weight] = [tf.ones([M, K]), tf.ones([K, 80])] as [Tensor, Tensor];
      const source = arithmetic === 'f32' ? matrixSource(x, K) : roundedSource(x, K, arithmetic);
      const weights = [arithmetic === 'f32' ? weight : packWeight(weight, arithmetic === 'f16' ? 'w16a16' : 'w8a8')];
      const epilogue = isGated ? ({ isGated, activation: 'gelu' } as const) : {};
      return gemm({ sizes: { M, N: isGated ? 40 : 80, K }, source, weights, epilogue, tile });
    });
  }

  /** Each tile is code that the device takes, or takes more of the workgroup's memory than there is, by as much as we say. */
  async function check(arithmetic: Arithmetic, tiles: readonly GemmTile[]): Promise<void> {
    for (const tile of tiles) {
      for (const isGated of [false, true]) {
        const bytes = tileMemory(tile, { arithmetic, isGated });
        product(arithmetic, tile, isGated).dispose();
        const said = await backend.checkErrors().then(
          () => 'nothing',
          (error: Error) => error.message,
        );
        const wanted = bytes > WORKGROUP_BYTES ? `The total use of workgroup storage (${bytes} bytes)` : 'nothing';
        expect(said, `${nameOfTile(tile)}${isGated ? ', gated' : ''}`).toContain(wanted);
      }
    }
  }

  const tilesOfKind = (kind: GemmTile['kind'], arithmetic: Arithmetic, traits: Partial<GpuTraits>) =>
    tilesFor(arithmetic, tilesOf({ isPinned: true, matrices: {}, ...traits })).filter((tile) => tile.kind === kind);

  for (const subgroupSize of [8, 16, 32]) {
    for (const arithmetic of ['f32', 'f16', 'i8'] as const) {
      const tiles = tilesOfKind('subgroups', arithmetic, { subgroupSize });
      it(`${arithmetic}: rows from the registers of ${subgroupSize} threads`, async () => {
        expect(tiles).not.toHaveLength(0);
        await check(arithmetic, tiles);
      });
    }
    for (const shape of shapes) {
      const { M, N, K } = shape;
      for (const of of ['f16', 'i8'] as const) {
        const tiles = tilesOfKind('matrices', of, { subgroupSize, matrices: { [of]: shape } });
        it(`${of}: matrices of ${M} × ${N} × ${K} by ${subgroupSize} threads`, async () => {
          expect(tiles.map(nameOfTile)).toContain(`64x64${of}m${M}x${N}x${K}s${subgroupSize}`);
          await check(of, tiles);
        });
      }
    }
  }
});

async function lacksDawn(): Promise<boolean> {
  return import('webgpu').then(
    () => false,
    () => true,
  );
}
