import type { Tensor } from '@tensorflow/tfjs';
import type { Backend, Capabilities, DeviceName, ModelDtype, PackedDtype } from '../backend.js';
import type { BasicOps, ComposedOps } from '../ops/ops.js';
import type { CaptureOptions, Plan, TensorFunction } from '../plan/plan.js';

/** Whether a device can be had on this machine, for people to read. */
export interface DeviceReport {
  readonly name: DeviceName;
  readonly isAvailable: boolean;
  /** A GPU would do the work. */
  readonly isGpu: boolean;
  /** What it is (library version, adapter, threads), or what is missing. */
  readonly detail: string;
  /** The command or step that brings a missing device; absent where nothing can. */
  readonly howToGet?: string;
}

/** What a device needs to be told before it starts. */
export interface DeviceOptions {
  /** URL of the folder that serves the `.wasm` files of @tensorflow/tfjs-backend-wasm. Browsers only; Node finds them. */
  readonly wasmFolder?: string;
  /**
   * Threads of the device wasm; default: one per processor, at most 8, where memory can be shared (Node, and pages that are
   * cross-origin isolated and give `wasmFolder`), else one. Results are the same to the bit.
   */
  readonly wasmThreads?: number;
  /**
   * Whether the device webgpu measures, at a capture, which tile of its product kernel is fastest for the products that it meets,
   * and keeps that for later (under Node in `$MUSE_CACHE` or ~/.cache/muse, in pages in their cache `muse`). Results do not
   * depend on it, to the bit. Default: on a real GPU.
   */
  readonly autotune?: boolean;
}

/** A way to run tfjs. */
export interface Device {
  readonly name: DeviceName;
  /** Looks for the device and leaves the active tfjs backend as it was. Never throws. */
  describe(): Promise<DeviceReport>;
  /**
   * Registers the device's tfjs backend and makes it the active one.
   *
   * @throws UnsupportedBackendError
   */
  start(options: DeviceOptions): Promise<RunningDevice>;
}

/** What a device computes by, in one type. */
export interface DeviceOps {
  readonly ops: BasicOps;
  /** Composed ops that the device does in one pass. */
  readonly composedOps?: Partial<ComposedOps>;
}

export interface RunningDevice extends DeviceOps {
  readonly capabilities: Capabilities;
  /** What it has beside f32, and in which order `auto` would have them; f32 alone if left out. */
  readonly dtypes?: readonly ModelDtype[];
  /** The ops with matrix products, attention and convolutions in bfloat16, where the device has them. */
  readonly bfloat16?: DeviceOps;
  /** @see Backend.checkErrors */
  checkErrors(): Promise<void>;
  /** Lets go of memory that is kept for tensors to come; the device has it back when `checkErrors` resolves. */
  freeSpare?(): void;
  /** @see Backend.capture, of functions that follow each other; absent, or nothing, where functions are called each time. */
  capture?(
    parts: readonly TensorFunction[],
    inputs: readonly Tensor[],
    options: Required<CaptureOptions> & { readonly backend: Pick<Backend, 'ops' | 'dtype' | 'freeMemory'> },
  ): Promise<Plan | undefined>;
  /** Before the first product of a backend that was made with a dtype. */
  prepare?(dtype: ModelDtype): Promise<void>;
  /** @see Backend.packWeight; absent where weights are f32 only. */
  packWeight?(weight: Tensor, dtype: PackedDtype, order?: readonly number[]): Tensor;
  /** @see Backend.widenFloats */
  readonly widenFloats?: Backend['widenFloats'];
  /** Gives memory back; the device can be started again. */
  stop(): Promise<void>;
}

/** Something found on this machine, or what is missing and how to get it. */
export type Found<T> =
  | { readonly value: T; readonly missing?: undefined }
  | { readonly missing: string; readonly howToGet?: string };
