import { type RandomStream, uniform } from '@muse/backend';

/**
 * Up to `count` distinct rows, drawn with probability proportional to their weights, without replacement: the largest
 * keys log(u) / w. Rows of weight 0 are never drawn, so fewer may come.
 *
 * @see Efraimidis & Spirakis 2006, Weighted random sampling with a reservoir
 */
export function drawWeightedRows(weights: ArrayLike<number>, count: number, stream: RandomStream): Int32Array {
  const u = uniform(stream, weights.length);
  const keys = Float64Array.from(u, (x, row) => Math.log(x) / weights[row]!);
  const candidates = Int32Array.from({ length: weights.length }, (_, row) => row).filter((row) => weights[row]! > 0);
  candidates.sort((a, b) => keys[b]! - keys[a]! || a - b);
  return candidates.slice(0, count);
}
