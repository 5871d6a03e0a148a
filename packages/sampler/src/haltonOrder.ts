/** Numerator of the radical inverse of `index`: its digits in `base` mirrored at the point, over base^digits. */
function radicalInverse(index: number, base: number): { numerator: number; denominator: number } {
  let numerator = 0;
  let denominator = 1;
  for (let rest = index; rest > 0; rest = Math.floor(rest / base)) {
    numerator = numerator * base + (rest % base);
    denominator *= base;
  }
  return { numerator, denominator };
}

/**
 * Every cell of a grid in the order in which the Halton sequence first meets it: rows in base 2, columns in base 3,
 * from the sequence's element 1 on. Neighbours in the order lie far apart in the image, so tokens decided together
 * tell little about each other. Besnier et al. 2025, "Halton Scheduler for Masked Generative Image Transformer".
 *
 * Integers only, so no cell is missed or moved by rounding (the published code stops after 10 000 points).
 *
 * @param grid [h, w]
 * @returns positions row·w + column, i32 [h·w], a permutation
 */
export function haltonOrder([height, width]: readonly [height: number, width: number]): Int32Array {
  const order = new Int32Array(height * width);
  const isTaken = new Uint8Array(order.length);
  let count = 0;
  for (let index = 1; count < order.length; index++) {
    const y = radicalInverse(index, 2);
    const x = radicalInverse(index, 3);
    const row = Math.floor((y.numerator * height) / y.denominator);
    const column = Math.floor((x.numerator * width) / x.denominator);
    const position = row * width + column;
    if (isTaken[position]) continue;
    isTaken[position] = 1;
    order[count++] = position;
  }
  return order;
}
