/** Results of a workgroup: `side` × `side` threads, each with `rows` rows of `quads` times four columns. */
export interface GemmTile {
  readonly side: number;
  readonly rows: number;
  readonly quads: number;
}

/** Numbers along K that a workgroup has in its memory at once. Of bytes these are words of four. */
export const STRIP = 16;

export const rowsOf = ({ side, rows }: GemmTile) => side * rows;
export const columnsOf = ({ side, quads }: GemmTile) => side * quads * 4;
/** Between rows of the transposed tile in workgroup memory: one more, so that writes fall on different banks. */
export const strideOf = (tile: GemmTile) => rowsOf(tile) + 1;

/** 64 × 64: what is taken unless another was measured to be faster. */
export const DEFAULT_TILE: GemmTile = { side: 16, rows: 4, quads: 1 };

/** From small, for products with few results, to large, which read least. */
export const gemmTiles: readonly GemmTile[] = [
  DEFAULT_TILE,
  { side: 8, rows: 4, quads: 1 }, // 32 × 32
  { side: 16, rows: 8, quads: 1 }, // 128 × 64
  { side: 16, rows: 4, quads: 2 }, // 64 × 128
];

export const nameOfTile = (tile: GemmTile) => `${rowsOf(tile)}x${columnsOf(tile)}`;

export interface TileMemory {
  /** Bytes of a number in the tiles. */
  readonly sizeBytes: number;
  readonly isGated: boolean;
  /** Rows are rounded, for which each has a word. */
  readonly isRounded: boolean;
}

/** Bytes of workgroup memory that a tile takes. */
export function tileMemory(tile: GemmTile, { sizeBytes, isGated, isRounded }: TileMemory): number {
  const strips = STRIP * sizeBytes * (strideOf(tile) + columnsOf(tile) * (isGated ? 2 : 1));
  return strips + (isRounded ? 4 * rowsOf(tile) : 0);
}
