import type { Found } from '../device.js';

/** What differs between Node and browsers: where GPUs, libtensorflow and `.wasm` files come from. */
export interface Platform {
  /** The entry point of WebGPU. */
  findGpu(): Promise<Found<GPU>>;
  /** Loads tfjs's binding of libtensorflow, which registers the tfjs backend `tensorflow`. */
  findTensorflow(): Promise<Found<TensorflowLibrary>>;
  /** Folder of the `.wasm` files; undefined leaves the choice to tfjs. */
  wasmFolder(): string | undefined;
  /** How to get a WebGPU adapter when WebGPU is there but finds no GPU. */
  readonly howToGetAdapter: string;
}

export interface TensorflowLibrary {
  /** npm package that was loaded. */
  readonly packageName: string;
  /** Version of libtensorflow. */
  readonly version: string;
  readonly isGpu: boolean;
  readonly numThreads: number;
}
