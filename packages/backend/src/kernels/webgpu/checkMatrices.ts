import * as tf from '@tensorflow/tfjs';
import { sameBits } from '../../plan/sameBits.js';
import { submitPending, type TfjsWebgpu } from '../../plan/tfjsWebgpu.js';
import { withErrors } from '../../plan/verifiedReplay.js';
import { gemm } from './gemm.js';
import { DEFAULT_TILE, type GemmTile, rowsOf, tilesFor } from './gemmTiles.js';
import { packWeight } from './packedWeights.js';
import { roundedSource } from './roundedRows.js';
import type { TileChoice } from './tileChoice.js';

/** Rows, columns and depth beyond a tile, a matrix and a strip. */
const [M, N, K] = [35, 44, 41];

/**
 * Has products of halves use a device's matrices if it multiplies those as it says: they are in no standard yet, and a driver may
 * have another idea of where a subgroup's numbers lie. Small integers are exact in halves, whoever multiplies them in whatever order.
 * Matrices of bytes need no such check: they are taken only for a product whose bits they give.
 */
export async function checkMatrices(backend: TfjsWebgpu, choice: TileChoice): Promise<void> {
  const ofMatrices = tilesFor('f16', choice.all).filter(({ kind }) => kind === 'matrices');
  const [smallest] = ofMatrices.sort((a, b) => rowsOf(a) - rowsOf(b));
  if (!smallest) return;
  const integers = (rows: number, columns: number, factor: number) =>
    tf.tensor2d(
      Float32Array.from({ length: rows * columns }, (_, i) => ((i * factor) % 15) - 7),
      [rows, columns],
    );
  const products = (tiles: readonly GemmTile[]) =>
    tf.tidy(() => {
      const source = roundedSource(integers(M, K, 7), K, 'f16');
      const weights = [packWeight(integers(K, N, 11), 'w16a16')];
      return tiles.map((tile) => gemm({ sizes: { M, N, K }, source, weights, tile }));
    });
  try {
    const made = await withErrors(backend.device, () => {
      const made = products([DEFAULT_TILE, smallest]);
      submitPending(backend);
      return made;
    });
    const [wanted, got] = await Promise.all(made.map((tensor) => tensor.data()));
    tf.dispose(made);
    if (sameBits(got!, wanted!)) choice.trustHalves();
  } catch {
    // The device refuses them.
  }
}
