import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { submitPending, type TfjsWebgpu } from '../plan/tfjsWebgpu.js';

/** Of tensors that are freed, but used by commands that were not handed in yet: no more than that waits. */
const MAX_WAITING_BYTES = 32 * 2 ** 20;

/**
 * tfjs's backend, but that what is freed can soon be used again. tfjs hands in fifteen commands at once and keeps all that they
 * use until then, freed or not: of an image's decoder at the full resolution some ten images of its channels, where four are in use.
 */
export function withEarlyFrees(Base: typeof WebGPUBackend): typeof WebGPUBackend {
  return class extends Base {
    #waitingBytes = 0;

    override disposeData(dataId: object, force = false): boolean {
      const backend = this as unknown as TfjsWebgpu;
      const resource = backend.tensorMap.has(dataId) ? backend.tensorMap.get(dataId).resource : undefined;
      const isFreed = super.disposeData(dataId, force);
      // Nobody refers to it any more, and it is still there: it waits for its commands.
      if (isFreed && resource instanceof GPUBuffer && backend.tensorMap.has(dataId)) {
        this.#waitingBytes += resource.size;
        if (this.#waitingBytes > MAX_WAITING_BYTES) submitPending(backend);
      }
      return isFreed;
    }

    override submitQueue(): void {
      super.submitQueue();
      this.#waitingBytes = 0;
    }
  };
}
