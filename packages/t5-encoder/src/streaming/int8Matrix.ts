/** A matrix at 8 bits: row r is `values[r] · scales[r]`. */
export interface Int8Matrix {
  /** [O, I], in [−127, 127]. */
  readonly values: Int8Array;
  /** [O]. */
  readonly scales: Float32Array;
}

const LARGEST = 127;

/**
 * Rows of a matrix to 8 bits, symmetric, with a scale for each output channel, which is a row: the largest magnitude of the
 * row becomes 127, and no value is off by more than half of its row's scale.
 *
 * @param rows f32 [n, I]
 * @param start place of the first of them in `into`
 */
export function quantizeRows(rows: Float32Array, width: number, into: Int8Matrix, start: number): void {
  for (let row = 0; row * width < rows.length; row++) {
    const from = row * width;
    let most = 0;
    for (let i = from; i < from + width; i++) most = Math.max(most, Math.abs(rows[i]!));
    const scale = most === 0 ? 1 : Math.fround(most / LARGEST);
    into.scales[start + row] = scale;
    const to = (start + row) * width;
    for (let i = 0; i < width; i++) into.values[to + i] = Math.round(rows[from + i]! / scale);
  }
}

/** @returns f32 [O, I] */
export function dequantize({ values, scales }: Int8Matrix): Float32Array {
  const width = values.length / scales.length;
  const out = new Float32Array(values.length);
  for (let row = 0; row < scales.length; row++) {
    const scale = scales[row]!;
    for (let i = row * width; i < (row + 1) * width; i++) out[i] = values[i]! * scale;
  }
  return out;
}
