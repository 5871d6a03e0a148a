import { type DataType, type Tensor, type TypedArray, tensor } from '@tensorflow/tfjs';
import { MuseError, ShapeError } from '../errors.js';
import type { PlanInput } from './plan.js';

/** Shape and dtype that an input had at capture. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

const place = { package: 'backend', in: 'Plan.run' } as const;

export function isTensor(input: PlanInput): input is Tensor {
  return !ArrayBuffer.isView(input);
}

/** The inputs as tensors: new ones, for `tf.tidy` to free, where they are values. */
export function toTensors(specs: readonly InputSpec[], inputs: readonly PlanInput[]): Tensor[] {
  return inputs.map((input, i) => (isTensor(input) ? input : tensor(input, [...specs[i]!.shape], specs[i]!.dtype)));
}

/** @throws MuseError */
export function checkNotDisposed(isDisposed: boolean): void {
  if (isDisposed) throw new MuseError(place, 'expected a plan in use, got one that was disposed');
}

/**
 * Whether the inputs have the shapes that were captured.
 *
 * @throws ShapeError for what no capture could put right
 */
export function fitInputs(specs: readonly InputSpec[], inputs: readonly PlanInput[]): boolean {
  if (inputs.length !== specs.length) {
    throw new ShapeError(place, `expected ${specs.length} inputs, got ${inputs.length}`);
  }
  let doFit = true;
  for (const [i, input] of inputs.entries()) {
    const { shape, dtype } = specs[i]!;
    if (isTensor(input)) {
      if (input.dtype !== dtype) throw new ShapeError(place, `expected input ${i} of ${dtype}, got ${input.dtype}`);
      if (input.shape.join() !== shape.join()) doFit = false;
      continue;
    }
    const size = shape.reduce((product, side) => product * side, 1);
    if (input.length !== size) {
      throw new ShapeError(place, `expected ${size} values of input ${i} [${shape.join(', ')}], got ${input.length}`);
    }
  }
  return doFit;
}

/** Values as the four bytes each that a GPU keeps of every dtype. */
export function toWords(values: TypedArray, dtype: DataType): Float32Array | Int32Array {
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(values);
  return values instanceof Int32Array ? values : Int32Array.from(values);
}
