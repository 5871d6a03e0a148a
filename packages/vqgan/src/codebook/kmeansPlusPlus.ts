import { normal, type RandomStream, uniform } from '@muse/backend';

/** Spread of the copies that fill a codebook larger than the number of distinct rows, against the rows' own spread. */
const JITTER = 0.01;

/**
 * Starting codes by k-means++: each next one is a row drawn with probability proportional to its squared distance to
 * the nearest code so far. When the rows run out (fewer distinct ones than codes), copies of random rows with a little
 * noise fill the rest.
 *
 * @param rows f32 [M, E], row by row
 * @returns f32 [V, E]
 * @see Arthur & Vassilvitskii 2007, k-means++: the advantages of careful seeding
 */
export function kmeansPlusPlus(
  rows: Float32Array,
  width: number,
  numCodes: number,
  { seed, stage }: Pick<RandomStream, 'seed' | 'stage'>,
): Float32Array {
  const numRows = rows.length / width;
  const codes = new Float32Array(numCodes * width);
  const distances = new Float64Array(numRows).fill(Number.POSITIVE_INFINITY);
  const picks = uniform({ seed, stage, step: 0 }, numCodes);
  let numPicked = 0;
  for (; numPicked < numCodes; numPicked++) {
    const row = numPicked === 0 ? Math.floor(picks[0]! * numRows) : pickRow(distances, picks[numPicked]!);
    if (row < 0) break;
    const code = rows.subarray(row * width, (row + 1) * width);
    codes.set(code, numPicked * width);
    lowerDistances(distances, rows, code);
  }
  if (numPicked < numCodes) fillWithCopies(codes, rows, width, numPicked, { seed, stage });
  return codes;
}

/** Row at the share `u` of the summed weights; −1 when every weight is 0. */
function pickRow(weights: Float64Array, u: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return -1;
  let left = u * total;
  let last = -1;
  for (let row = 0; row < weights.length; row++) {
    if (weights[row] === 0) continue;
    last = row;
    left -= weights[row]!;
    if (left < 0) return row;
  }
  return last; // rounding left a crumb
}

function lowerDistances(distances: Float64Array, rows: Float32Array, code: Float32Array): void {
  const width = code.length;
  for (let row = 0; row < distances.length; row++) {
    let distance = 0;
    for (let i = 0, at = row * width; i < width; i++, at++) distance += (rows[at]! - code[i]!) ** 2;
    if (distance < distances[row]!) distances[row] = distance;
  }
}

function fillWithCopies(
  codes: Float32Array,
  rows: Float32Array,
  width: number,
  numPicked: number,
  { seed, stage }: Pick<RandomStream, 'seed' | 'stage'>,
): void {
  const numRows = rows.length / width;
  const numMissing = codes.length / width - numPicked;
  const chosen = uniform({ seed, stage, step: 1 }, numMissing);
  const noise = normal({ seed, stage, step: 2 }, numMissing * width);
  const scale = JITTER * standardDeviation(rows);
  for (let i = 0; i < numMissing * width; i++) {
    const row = Math.floor(chosen[Math.floor(i / width)]! * numRows);
    codes[numPicked * width + i] = rows[row * width + (i % width)]! + scale * noise[i]!;
  }
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
