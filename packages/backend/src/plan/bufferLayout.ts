/** A tensor between commands: from the command that first writes it to the last that uses it, both included. */
export interface Lifetime {
  readonly sizeBytes: number;
  readonly first: number;
  readonly last: number;
}

export interface BufferLayout {
  /** Buffer of each tensor, an index into `bufferSizes`. */
  readonly bufferOf: Int32Array;
  readonly bufferSizes: readonly number[];
}

/**
 * Puts tensors whose lifetimes do not meet into one buffer: the greedy algorithm by size of Pisarchyk and Lee 2020
 * (arXiv 2001.03288, section 5.2). The largest tensor first; each takes the buffer that is free over its lifetime, and as
 * they come by falling size every buffer has the size of its first tensor. Two tensors of one command never share.
 */
export function layOutBuffers(lifetimes: readonly Lifetime[]): BufferLayout {
  const bySize = lifetimes
    .map((_, index) => index)
    .sort((a, b) => lifetimes[b]!.sizeBytes - lifetimes[a]!.sizeBytes || lifetimes[a]!.first - lifetimes[b]!.first);
  const bufferOf = new Int32Array(lifetimes.length);
  const bufferSizes: number[] = [];
  const tenants: Lifetime[][] = [];
  for (const index of bySize) {
    const wanted = lifetimes[index]!;
    // The smallest that is free: the last, as sizes fall.
    let buffer = tenants.findLastIndex((taken) =>
      taken.every(({ first, last }) => last < wanted.first || first > wanted.last),
    );
    if (buffer < 0) {
      buffer = bufferSizes.push(wanted.sizeBytes) - 1;
      tenants.push([]);
    }
    tenants[buffer]!.push(wanted);
    bufferOf[index] = buffer;
  }
  return { bufferOf, bufferSizes };
}
