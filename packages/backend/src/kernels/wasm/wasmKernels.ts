import * as tf from '@tensorflow/tfjs';
import { platform } from '../../devices/platform/node.js';
import type { Thread } from '../../devices/platform/platform.js';
import { kernelBinary } from './kernelBinary.js';
import { withMemoryShared } from './sharedMemory.js';
import { type WasmMemory, webAssembly } from './webAssembly.js';

/** By the numbers of `runTask` in assembly/index.ts. */
const kernelNames = [
  'matMul',
  'conv2d',
  'quarterFilter',
  'attention',
  'rowNorm',
  'activation',
  'crossEntropy',
  'gather',
  'upsample',
  'chunkMoments',
  'groupSlopes',
  'groupApply',
] as const;
export type KernelName = (typeof kernelNames)[number];

export interface Job {
  readonly kernel: KernelName;
  /** How many pieces the work has; threads take one after the other. */
  readonly numTasks: number;
  /** Addresses, whole numbers and `floatBits`; undefined for what is absent. */
  readonly args: readonly (number | undefined)[];
  /** Memory that each thread needs for itself. */
  readonly scratchBytes?: number;
}

/** The part of tfjs's wasm backend that the kernels live on. */
interface TfjsWasm {
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } };
  readonly wasm: {
    readonly asm: { readonly memory: WasmMemory };
    _malloc(size: number): number;
    _free(address: number): void;
  };
}

interface KernelExports {
  run(job: number, numHelpers: number): void;
}

// Places of a job's words, `Word` in assembly/job.ts.
const NUM_TASKS = 2;
const KERNEL = 3;
const SCRATCH = 4;
const SCRATCH_BYTES = 5;
const FIRST_ARGUMENT = 6;
const NUM_WORDS = 32;

const running = new WeakMap<object, WasmKernels>();

/** Those of the active backend, which is wasm's. */
export function wasmKernels(): WasmKernels {
  return running.get(tf.backend())!;
}

/** Our own kernels on the memory of tfjs's wasm backend, with a team of threads where that memory is shared. */
export class WasmKernels {
  readonly numThreads: number;
  readonly #backend: TfjsWasm;
  readonly #exports: KernelExports;
  readonly #threads: readonly Thread[];
  readonly #job: number;
  #words: Int32Array;
  #scratch = { address: 0, bytes: 0 };

  private constructor(backend: TfjsWasm, exports: KernelExports, job: number, threads: readonly Thread[]) {
    this.#backend = backend;
    this.#exports = exports;
    this.#job = job;
    this.#threads = threads;
    this.numThreads = threads.length + 1;
    this.#words = this.#viewJob();
  }

  /** Of the active tfjs backend. @param numThreads as many as are wanted; without shared memory it is one */
  static async start(numThreads: number): Promise<WasmKernels> {
    const backend = tf.backend() as unknown as TfjsWasm;
    const { memory } = backend.wasm.asm;
    const isShared = 'SharedArrayBuffer' in globalThis && memory.buffer instanceof SharedArrayBuffer;
    const module = await webAssembly!.compile(withMemoryShared(decode(kernelBinary), isShared));
    const instance = await webAssembly!.instantiate(module, { env: { memory } });
    const job = backend.wasm._malloc(NUM_WORDS * 4);
    new Int32Array(memory.buffer, job, NUM_WORDS).fill(0);
    const helpers = Array.from({ length: isShared ? numThreads - 1 : 0 }, (_, index) =>
      platform.startThread({ module, memory, job, thread: index + 1 }),
    );
    const kernels = new WasmKernels(
      backend,
      instance.exports as unknown as KernelExports,
      job,
      await Promise.all(helpers),
    );
    running.set(backend, kernels);
    return kernels;
  }

  /** Where a tensor's values are. */
  address(tensor: tf.TensorInfo): number {
    return this.#backend.dataIdMap.get(tensor.dataId).memoryOffset;
  }

  /** Does a job, and returns when it is done. */
  run({ kernel, numTasks, args, scratchBytes = 0 }: Job): void {
    if (numTasks === 0) return;
    this.#provideScratch(scratchBytes);
    if (this.#words.buffer !== this.#backend.wasm.asm.memory.buffer) this.#words = this.#viewJob(); // memory has grown
    const words = this.#words;
    words[NUM_TASKS] = numTasks;
    words[KERNEL] = kernelNames.indexOf(kernel);
    words[SCRATCH] = this.#scratch.address;
    words[SCRATCH_BYTES] = this.#scratch.bytes;
    for (let i = 0; i < args.length; i++) words[FIRST_ARGUMENT + i] = args[i] ?? 0;
    this.#exports.run(this.#job, this.#threads.length);
  }

  /** Ends the threads; memory goes with the tfjs backend. */
  async stop(): Promise<void> {
    running.delete(this.#backend);
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #viewJob(): Int32Array {
    return new Int32Array(this.#backend.wasm.asm.memory.buffer, this.#job, NUM_WORDS);
  }

  #provideScratch(bytes: number): void {
    if (bytes <= this.#scratch.bytes) return;
    const { wasm } = this.#backend;
    wasm._free(this.#scratch.address);
    this.#scratch = { address: wasm._malloc(bytes * this.numThreads) >>> 0, bytes };
  }
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** A number as an argument of type f32. */
export function floatBits(value: number): number {
  floats[0] = value;
  return bits[0]!;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
