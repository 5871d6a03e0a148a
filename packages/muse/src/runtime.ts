import { type Backend, MuseError } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';

/** What every stage of a pipeline needs of its device. */
export class Runtime {
  #isDisposed = false;

  constructor(readonly backend: Backend) {}

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Values of a tensor, which is disposed. */
  async read<T extends Float32Array | Int32Array>(tensor: Tensor): Promise<T> {
    try {
      const values = await tensor.data();
      await this.backend.checkErrors();
      return values as T;
    } finally {
      tensor.dispose();
    }
  }

  /** @throws MuseError after `dispose` */
  checkAlive(where: string): void {
    if (!this.#isDisposed) return;
    throw new MuseError({ package: 'muse', in: where }, 'expected a pipeline in use, got one that was disposed');
  }

  dispose(): void {
    this.#isDisposed = true;
  }
}
