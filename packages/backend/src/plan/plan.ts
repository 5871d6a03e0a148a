import type { Tensor, TypedArray } from '@tensorflow/tfjs';

/** A function of tensors. It runs inside a `tf.tidy` of its own and must be synchronous. */
export type TensorFunction = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** A tensor, or its values in the shape and dtype that the input had at capture. */
export type PlanInput = Tensor | TypedArray;

export interface CaptureOptions {
  /**
   * The function is called so often, each time with the next inputs, and the results follow each other as the calls do. A device may
   * run them side by side, as tensorflow does. Each call's inputs have the shapes of the first's. Default 1.
   */
  readonly numCalls?: number;
}

/**
 * A function of tensors that was captured for inputs of fixed shapes. On webgpu its GPU commands are recorded once and
 * encoded again for each run, without tfjs between; on tensorflow it is a graph of TensorFlow's; other devices call the function.
 *
 * Everything that the function reads besides its inputs (weights, constants, random numbers) is what it was at capture.
 */
export interface Plan {
  /** GPU commands of a run; 0 on devices other than webgpu. */
  readonly dispatchCount: number;
  /** GPU memory of what a run leaves between its commands; 0 on other devices. */
  readonly sizeBytes: number;

  /**
   * Computes the function. Inputs stay the caller's; one whose tensor is that of the last run is not copied again.
   * A tensor of another shape than before has the function captured anew.
   *
   * @returns new tensors, the caller's to dispose
   * @throws ShapeError for another number of inputs or values, or another dtype
   * @throws MuseError with the device's own words if it reports an error in this run, and after `dispose`
   */
  run(inputs: readonly PlanInput[]): Promise<Tensor[]>;

  /** Frees what the plan holds. Tensors that it gave stay. */
  dispose(): void;
}
