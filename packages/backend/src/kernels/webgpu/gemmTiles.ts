import type { Arithmetic } from './gemmWgsl.js';
import type { GpuTraits, MatrixNumber, MatrixShape } from './gpuTraits.js';

/**
 * Results of a workgroup by threads, `width` of them side by side: each has `rows` rows of `quads` times four columns.
 *
 * Numbers of rows come from the workgroup's memory, or, of `subgroups`, from the registers of a subgroup, which is `width`
 * threads: each has loaded some, and hands them to the others.
 */
export interface ThreadTile {
  readonly kind: 'memory' | 'subgroups';
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly quads: number;
}

/** Results of a workgroup by `width` × `height` subgroups: each has `rows` × `columns` results, in matrices. */
export interface MatrixTile {
  readonly kind: 'matrices';
  readonly of: MatrixNumber;
  readonly shape: MatrixShape;
  readonly subgroupSize: number;
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly columns: number;
}

export type GemmTile = ThreadTile | MatrixTile;

/** Numbers along K that a workgroup has in its memory at once. Of bytes these are words of four. */
export const STRIP = 16;
/** The same of tiles of matrices, in numbers of theirs. */
export const matrixStrips = { f16: 32, i8: 64 } as const;

export const rowsOf = ({ height, rows }: GemmTile) => height * rows;
export const columnsOf = (tile: GemmTile) => tile.width * (tile.kind === 'matrices' ? tile.columns : tile.quads * 4);
export const threadsOf = (tile: GemmTile) =>
  tile.width * tile.height * (tile.kind === 'matrices' ? tile.subgroupSize : 1);

/** From a row to the next in workgroup memory, in fours: one more than a strip has, so that rows fall on different banks. */
export const ROW_STRIDE = STRIP / 4 + 1;
/** The same of matrices, in numbers of theirs: 16 bytes more than a row has, for the banks. */
export const matrixStride = (columns: number, of: MatrixNumber) => columns + (of === 'f16' ? 8 : 16);

/** 64 × 64: what is taken unless another was measured to be faster. */
export const DEFAULT_TILE: ThreadTile = { kind: 'memory', width: 16, height: 16, rows: 4, quads: 1 };

/** From small, for products with few results, to large, which read least. */
const everywhere: readonly ThreadTile[] = [
  DEFAULT_TILE,
  { kind: 'memory', width: 8, height: 8, rows: 4, quads: 1 }, // 32 × 32
  { kind: 'memory', width: 16, height: 16, rows: 8, quads: 1 }, // 128 × 64
  { kind: 'memory', width: 16, height: 16, rows: 4, quads: 2 }, // 64 × 128
  { kind: 'memory', width: 16, height: 16, rows: 8, quads: 2 }, // 128 × 128
];

/** By the threads of a subgroup; eight are those of a processor's vectors. */
const bySubgroups: Readonly<Record<number, readonly ThreadTile[]>> = {
  8: [{ kind: 'subgroups', width: 8, height: 4, rows: 16, quads: 2 }], // 64 × 64
  16: [{ kind: 'subgroups', width: 16, height: 8, rows: 8, quads: 1 }], // 64 × 64
  32: [
    { kind: 'subgroups', width: 32, height: 8, rows: 8, quads: 1 }, // 64 × 128
    { kind: 'subgroups', width: 32, height: 4, rows: 8, quads: 1 }, // 32 × 128
  ],
};

/** Subgroups and what each has: 64 × 64, 32 × 32, 128 × 64, 128 × 128. */
const matrixGrids = [
  { width: 2, height: 2, rows: 32, columns: 32 },
  { width: 2, height: 2, rows: 16, columns: 16 },
  { width: 2, height: 4, rows: 32, columns: 32 },
  { width: 4, height: 2, rows: 64, columns: 32 },
] as const;

/** All tiles that a device computes. Without subgroups these are those of WebGPU's least. */
export function tilesOf({ subgroupSize, matrices }: GpuTraits): readonly GemmTile[] {
  if (subgroupSize === undefined) return everywhere;
  const ofMatrices = (['f16', 'i8'] as const).flatMap((of): MatrixTile[] => {
    const shape = matrices[of];
    if (!shape) return [];
    return matrixGrids
      .filter(({ rows, columns }) => rows % shape.M === 0 && columns % shape.N === 0)
      .map((grid) => ({ kind: 'matrices', of, shape, subgroupSize, ...grid }));
  });
  return [...everywhere, ...(bySubgroups[subgroupSize] ?? []), ...ofMatrices];
}

/**
 * Those of `tiles` that give a product of such numbers its bits, the default first. Matrices of bytes sum as exactly as threads do;
 * those of halves sum in f32 what threads sum in halves, so where a device has them all products of halves are theirs.
 */
export function tilesFor(arithmetic: Arithmetic, tiles: readonly GemmTile[]): readonly GemmTile[] {
  const ofMatrices = tiles.filter((tile) => tile.kind === 'matrices' && tile.of === arithmetic);
  if (arithmetic === 'f16' && ofMatrices.length > 0) return ofMatrices;
  return [...tiles.filter(({ kind }) => kind !== 'matrices'), ...ofMatrices];
}

export function nameOfTile(tile: GemmTile): string {
  const size = `${rowsOf(tile)}x${columnsOf(tile)}`;
  if (tile.kind !== 'matrices') return tile.kind === 'memory' ? size : `${size}s${tile.width}`;
  const { M, N, K } = tile.shape;
  return `${size}${tile.of}m${M}x${N}x${K}s${tile.subgroupSize}`;
}

export interface TileMemory {
  readonly arithmetic: Arithmetic;
  readonly isGated: boolean;
}

const numberBytes = { f32: 4, f16: 2, i8: 4 } as const;

/** Bytes of workgroup memory that a tile takes. */
export function tileMemory(tile: GemmTile, { arithmetic, isGated }: TileMemory): number {
  const kinds = isGated ? 2 : 1;
  const greatest = arithmetic === 'f32' ? 0 : 4 * rowsOf(tile); // rows are rounded, for which each has a word
  if (tile.kind === 'matrices') {
    const { of, width, height, shape } = tile;
    const rows = rowsOf(tile) * matrixStride(matrixStrips[of], of);
    const weights = matrixStrips[of] * matrixStride(columnsOf(tile), of);
    const results = 4 * kinds * width * height * shape.M * shape.N;
    return (rows + kinds * weights) * (of === 'f16' ? 2 : 1) + results + greatest;
  }
  const rowNumbers = tile.kind === 'memory' ? rowsOf(tile) * ROW_STRIDE * 4 : 0;
  return numberBytes[arithmetic] * (rowNumbers + STRIP * columnsOf(tile) * kinds) + greatest;
}
