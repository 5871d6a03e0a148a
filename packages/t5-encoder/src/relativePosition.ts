/**
 * Bucket of each query-key distance (bidirectional), as T5 numbers them: the first half of the buckets for keys at or left of
 * the query, the second for keys to the right; in each half one bucket per distance up to a quarter of `numBuckets`, then
 * logarithmically wider ones up to `maxDistance`.
 *
 * @returns i32 [T, T], row = query, column = key, in [0, numBuckets)
 * @see Raffel et al. 2020, arXiv 1910.10683, section 2.1
 */
export function relativePositionBuckets(seqLen: number, numBuckets: number, maxDistance: number): Int32Array {
  const half = numBuckets / 2;
  const byDistance = Int32Array.from({ length: seqLen }, (_, distance) => bucketOf(distance, half, maxDistance));
  const buckets = new Int32Array(seqLen * seqLen);
  for (let query = 0; query < seqLen; query++) {
    for (let key = 0; key < seqLen; key++) {
      buckets[query * seqLen + key] = key > query ? half + byDistance[key - query]! : byDistance[query - key]!;
    }
  }
  return buckets;
}

/** Bucket within a half, in [0, half). */
function bucketOf(distance: number, half: number, maxDistance: number): number {
  const numExact = Math.floor(half / 2);
  if (distance < numExact) return distance;
  // In f32 as PyTorch computes it: log(16/8)/log(128/8)·8 is just at the edge of a bucket.
  const { fround, log } = Math;
  const ratio = fround(fround(log(fround(distance / numExact))) / fround(log(maxDistance / numExact)));
  return Math.min(numExact + Math.floor(fround(ratio * (half - numExact))), half - 1);
}
