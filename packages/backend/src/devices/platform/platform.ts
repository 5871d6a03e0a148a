import type { WasmMemory, WasmModule } from '../../kernels/wasm/webAssembly.js';
import type { Found } from '../device.js';

/** What differs between Node and browsers: where GPUs, libtensorflow and `.wasm` files come from. */
export interface Platform {
  /** The entry point of WebGPU. */
  findGpu(): Promise<Found<GPU>>;
  /** Loads tfjs's binding of libtensorflow, which registers the tfjs backend `tensorflow`. */
  findTensorflow(): Promise<Found<TensorflowLibrary>>;
  /** Folder of the `.wasm` files; undefined leaves the choice to tfjs. */
  wasmFolder(): string | undefined;
  /** A file of that folder. */
  readWasmFile(location: string): Promise<Uint8Array>;
  /** How many threads WebAssembly may use: processors where memory can be shared, else 1. */
  numWasmThreads(): number;
  /** Starts a thread that helps with the jobs of a kernel module. */
  startThread(work: ThreadWork): Promise<Thread>;
  /** A text that is kept on this machine, by a name of letters, digits and dashes; in browsers for the page's origin. */
  textStore(name: string): TextStore;
  /** Calls a function with a folder of one file, which is gone afterwards. Not in browsers. */
  withFile<T>(name: string, bytes: Uint8Array, use: (folder: string) => T): T;
  /** How to get a WebGPU adapter when WebGPU is there but finds no GPU. */
  readonly howToGetAdapter: string;
}

/** Both reject where nothing can be kept. */
export interface TextStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** What a thread is given: the arguments of `help` in assembly/index.ts. */
export interface ThreadWork {
  readonly module: WasmModule;
  /** Shared. */
  readonly memory: WasmMemory;
  /** Address of the job. */
  readonly job: number;
  readonly thread: number;
}

export interface Thread {
  stop(): Promise<void>;
}

/** More would wait for memory. */
export const MAX_WASM_THREADS = 8;

export interface TensorflowLibrary {
  /** npm package that was loaded. */
  readonly packageName: string;
  /** Version of libtensorflow. */
  readonly version: string;
  readonly isGpu: boolean;
  readonly numThreads: number;
}
