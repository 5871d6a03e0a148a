/// <reference types="@webgpu/types" />

/** tfjs's pool of GPU buffers (4.22, buffer_manager.ts), the parts that bound it. */
interface BufferManager {
  numBytesUsed: number;
  numBytesAllocated: number;
  numFreeBuffers: number;
  /** By size and use, see `keyOf`. */
  readonly freeBuffers: Map<string, GPUBuffer[]>;
  acquireBuffer(size: number, usage: number, mappedAtCreation?: boolean, reuse?: boolean): GPUBuffer;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
}

const MIB = 2 ** 20;
/** What the pool may keep free in any case … */
const MIN_FREE_BYTES = 128 * MIB;
/** … and beyond that, a share of what is in use. */
const FREE_SHARE = 0.2;
/** Beyond these a new buffer takes the place of free ones. */
const MAX_SPARE_BYTES = 64 * MIB;

/**
 * Bounds what tfjs keeps of freed buffers: it pools them by their exact size for ever, so that memory grows with every new
 * shape. Those that have been free for longest are destroyed
 * - when a buffer is made as no free one fits: as many bytes as it takes, while more than 64 MiB are free. So the pool never holds more
 *   than what was in use at once and 64 MiB;
 * - when more is free than a fifth of what is in use, or 128 MiB: a call that took much gives it back.
 */
export function boundPool(pool: unknown): { destroyFree(): void } {
  const manager = pool as BufferManager;
  const acquire = manager.acquireBuffer.bind(manager);
  const release = manager.releaseBuffer.bind(manager);
  /** In the order in which they were freed. */
  const free = new Set<GPUBuffer>();

  const destroy = (maxBytes: number, bytesToKeep: number) => {
    let numBytes = 0;
    for (const buffer of free) {
      const isEnough = manager.numBytesAllocated - manager.numBytesUsed <= bytesToKeep;
      if (isEnough || numBytes >= maxBytes) return;
      const alike = manager.freeBuffers.get(keyOf(buffer))!;
      alike.splice(alike.indexOf(buffer), 1);
      free.delete(buffer);
      manager.numFreeBuffers--;
      manager.numBytesAllocated -= buffer.size;
      numBytes += buffer.size;
      buffer.destroy();
    }
  };

  manager.acquireBuffer = (size, usage, mappedAtCreation = false, reuse = true) => {
    const hasFree = reuse && (manager.freeBuffers.get(keyOf({ size, usage }))?.length ?? 0) > 0;
    if (!hasFree) destroy(size, MAX_SPARE_BYTES);
    const buffer = acquire(size, usage, mappedAtCreation, reuse);
    free.delete(buffer);
    return buffer;
  };

  manager.releaseBuffer = (buffer, reuse = true) => {
    release(buffer, reuse);
    if (!reuse) return;
    free.add(buffer);
    destroy(Number.POSITIVE_INFINITY, Math.max(MIN_FREE_BYTES, FREE_SHARE * manager.numBytesUsed));
  };

  return { destroyFree: () => destroy(Number.POSITIVE_INFINITY, 0) };
}

/** As tfjs names it. */
function keyOf({ size, usage }: { size: number; usage: number }): string {
  return `${size}_${usage}`;
}
