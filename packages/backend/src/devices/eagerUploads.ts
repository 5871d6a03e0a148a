import type { BackendValues, DataType } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { submitPending, type TfjsWebgpu } from '../plan/tfjsWebgpu.js';

/** Smaller tensors wait for their first use, as tfjs has it. */
const LARGE_BYTES = 2 ** 20;
/** After so many bytes the GPU is asked to take them: until then an upload has a second copy. */
const SUBMITTED_BYTES = 64 * 2 ** 20;

/**
 * tfjs's backend, but that large tensors go to the GPU as they are made. tfjs keeps their values in the process until a first use, in which
 * then all of a network's weights are uploaded at once: they lie in memory three times, as values, in the driver's hands, and on the GPU.
 */
export function withEagerUploads(Base: typeof WebGPUBackend): typeof WebGPUBackend {
  return class extends Base {
    #waitingBytes = 0;

    override write(values: BackendValues, shape: number[], dtype: DataType): object {
      const dataId = super.write(values, shape, dtype);
      if (!ArrayBuffer.isView(values) || values.byteLength < LARGE_BYTES) return dataId;
      this.uploadToGPU(dataId);
      // The upload may be a command that waits, of which tfjs does not think: a buffer that is freed meanwhile could be destroyed.
      (this as unknown as TfjsWebgpu).commandQueueOwnedIds.add(dataId);
      this.#waitingBytes += values.byteLength;
      if (this.#waitingBytes >= SUBMITTED_BYTES) this.#submit();
      return dataId;
    }

    #submit(): void {
      this.#waitingBytes = 0;
      const backend = this as unknown as TfjsWebgpu;
      backend.ensureCommandEncoderReady(); // an upload may have gone past it: an empty submission hands that in
      submitPending(backend);
      // Whoever waits for it makes the implementation look what it can free.
      void backend.device.queue.onSubmittedWorkDone();
    }
  };
}
