/// <reference types="@webgpu/types" />

/** tfjs's pool of GPU buffers (4.22, buffer_manager.ts), the parts that bound it. */
interface BufferManager {
  readonly numBytesUsed: number;
  readonly numBytesAllocated: number;
  releaseBuffer(buffer: GPUBuffer, reuse?: boolean): void;
}

/** What the pool may keep free in any case … */
const MIN_FREE_BYTES = 128 * 2 ** 20;
/** … and beyond that, a share of what is in use. */
const FREE_SHARE = 0.2;

/**
 * Bounds what tfjs keeps of freed buffers: it pools them by their exact size for ever, so that memory grows with every new
 * shape. Beyond a fifth of what is in use, or 128 MiB, a freed buffer is destroyed.
 */
export function boundPool(manager: BufferManager): void {
  const release = manager.releaseBuffer.bind(manager);
  manager.releaseBuffer = (buffer, reuse = true) => {
    const free = manager.numBytesAllocated - manager.numBytesUsed;
    const limit = Math.max(MIN_FREE_BYTES, FREE_SHARE * manager.numBytesUsed);
    release(buffer, reuse && free + buffer.size <= limit);
  };
}
