import type { Checkpoint } from '@muse/checkpoint';

/**
 * Rows of a table by their ids, each read by its range once: a prompt needs a few dozen of 32,128.
 *
 * @param name f32, f16 or bf16 [V, D]
 * @returns D values per id that occurs
 * @throws WeightError for ids that the table lacks
 */
export async function readEmbeddingRows(
  checkpoint: Checkpoint,
  name: string,
  ids: Iterable<number>,
): Promise<Map<number, Float32Array>> {
  const rows = new Map<number, Float32Array>();
  const sorted = [...new Set(ids)].sort((a, b) => a - b);
  for (let first = 0; first < sorted.length; ) {
    // Neighbours come in one read.
    let count = 1;
    while (sorted[first + count] === sorted[first]! + count) count++;
    const { data } = await checkpoint.readRows(name, sorted[first]!, count);
    const width = data.length / count;
    for (let row = 0; row < count; row++) {
      rows.set(sorted[first]! + row, data.slice(row * width, (row + 1) * width) as Float32Array);
    }
    first += count;
  }
  return rows;
}
