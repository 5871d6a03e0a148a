import type * as Tf from '@tensorflow/tfjs';
import type { Ops } from './ops/ops.js';
import type { CaptureOptions, Plan, TensorFunction } from './plan/plan.js';

export const deviceNames = ['webgpu', 'tensorflow', 'wasm', 'cpu'] as const;
export type DeviceName = (typeof deviceNames)[number];

/**
 * What the linear maps of a model are kept in: `f32`; `f16`, half of its memory; `q8`, a quarter; `w16a16`, `w8a8` and `bf16`,
 * which they are multiplied in as well: halves, integers of 8 bits, bfloat16. Each device has some of them.
 */
export const modelDtypes = ['f32', 'f16', 'q8', 'w16a16', 'w8a8', 'bf16'] as const;
export type ModelDtype = (typeof modelDtypes)[number];
/** Those of which a weight is made by `packWeight`. */
export type PackedDtype = Exclude<ModelDtype, 'f32'>;

/** What a device can do beyond the reference ops. */
export interface Capabilities {
  /** A GPU does the work (a software adapter such as lavapipe is none). */
  readonly isGpu: boolean;
  /** Same inputs, same bits, from run to run, gradients included. */
  readonly isDeterministic: boolean;
  /** Free text for people: library version, adapter, threads. */
  readonly description: string;
}

/**
 * One tfjs device with the ops of the model parts. tfjs has one active backend in a process: the last created one.
 * Packages take a `Backend` and never call `tf.setBackend`.
 */
export interface Backend {
  readonly name: DeviceName;
  readonly tf: typeof Tf;
  readonly ops: Ops;
  readonly capabilities: Capabilities;
  /** What models are loaded in, unless they are told otherwise. */
  readonly dtype: ModelDtype;
  /** What the device has of them; the first is what `auto` takes. */
  readonly dtypes: readonly ModelDtype[];
  /** Why this device was chosen: shown to people when `device: 'auto'`. */
  readonly reason: string;
  /**
   * Resolves when the device has no error to report; rejects with the first one since the last call.
   * WebGPU validation errors reach nobody otherwise.
   */
  checkErrors(): Promise<void>;
  /**
   * Waits until what was asked for is computed, and gives back what the device keeps free for tensors to come (webgpu). Rejects as
   * `checkErrors` does.
   */
  freeMemory(): Promise<void>;
  /**
   * Captures a function of tensors for inputs of these shapes. On webgpu its GPU commands are recorded and checked: a
   * first run must repeat the function's result to the bit. On tensorflow, without a GPU, its ops become a graph of the same bits.
   * Other devices give a plan that calls the function.
   *
   * @param fn or several that follow each other, each of which takes what the one before gave: they become one plan, and on webgpu
   * the device gives back what one has used before the next is recorded (see `freeMemory`)
   * @throws MuseError if the function reads values back, writes into tensors from outside, or can't be repeated
   * @throws ShapeError for inputs of other shapes than those of the first of `numCalls`
   */
  capture(
    fn: TensorFunction | readonly TensorFunction[],
    inputs: readonly Tf.Tensor[],
    options?: CaptureOptions,
  ): Promise<Plan>;
  /**
   * A weight of `linear`, `conv2d` and the composed ops in fewer bits, where the device has kernels that read them (webgpu,
   * tensorflow). Only these ops understand the result, whose shape and dtype are the weight's; its values can't be read.
   *
   * @param weight f32 [..., N], N divisible by 4; stays the caller's
   * @param order of the axes in the result, as in `tf.transpose`, which makes it [..., N]; default as they are
   * @throws ShapeError
   * @throws UnsupportedBackendError on other devices, and for what `dtypes` lacks
   */
  packWeight(weight: Tf.Tensor, dtype: PackedDtype, order?: readonly number[]): Tf.Tensor;
  /**
   * A tensor f32 from the bytes of a file, where the device widens them faster than JavaScript (tensorflow); absent elsewhere.
   *
   * @param bytes little-endian floats of `dtype`, row-major, of 16 bits an even number; the caller's again afterwards
   * @param order of the axes in the result, as in `tf.transpose`; default as they are
   */
  widenFloats?(
    bytes: Uint8Array,
    dtype: 'f32' | 'f16' | 'bf16',
    shape: readonly number[],
    order?: readonly number[],
  ): Tf.Tensor;
  dispose(): Promise<void>;
}
