/**
 * Edges: the magnitude √(gx² + gy²) / 4 of Sobel's gradients, of each channel by itself, so that edges between colours of
 * one brightness count; a step from 0 to 1 along an axis has magnitude 1. Beyond the border its pixel is repeated.
 *
 * @param pixels f32 [side · side · 3]
 * @returns f32 [side · side · 3]
 */
export function sobelMagnitude(pixels: Float32Array, side: number): Float32Array {
  const edges = new Float32Array(pixels.length);
  const inside = (i: number) => Math.min(Math.max(i, 0), side - 1);
  for (let y = 0; y < side; y++) {
    const rows = [inside(y - 1), y, inside(y + 1)].map((row) => row * side);
    for (let x = 0; x < side; x++) {
      const columns = [inside(x - 1), x, inside(x + 1)];
      for (let c = 0; c < 3; c++) {
        const at = (row: number, column: number) => pixels[(rows[row]! + columns[column]!) * 3 + c]!;
        const gx = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0);
        const gy = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2);
        edges[(y * side + x) * 3 + c] = Math.hypot(gx, gy) / 4;
      }
    }
  }
  return edges;
}
