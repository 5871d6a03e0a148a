import { type Backend, WeightError } from '@muse/backend';
import type { Checkpoint } from './checkpoint.js';
import { memoryShape, type ParameterSpec, type Parameters, toMemoryPermutation } from './parameters.js';
import { permute } from './permute.js';
import { type DType, isFloat, type TensorData } from './tensorData.js';

export interface LoadParametersOptions {
  /** What is loaded, for messages; default the checkpoint's name. */
  readonly name?: string;
  /** Take NaN and infinities as they are instead of refusing them. Default false. */
  readonly allowNonFinite?: boolean;
}

/**
 * Loads a model's tensors onto the device, in memory layout. Names, shapes and dtypes are checked before anything is read;
 * values are checked as each tensor is read, so that one tensor at a time lies beside the weights. On an error what was
 * loaded is given back. The caller owns the result, and closes the checkpoint.
 *
 * @param specs the model's tensors; the file must hold these and no other (drop or rename others by {@link renameTensors})
 * @throws WeightError that lists every missing, surplus and misshapen tensor and every wrong dtype; or that names the first
 *   tensor with a NaN, an infinity or an integer out of int32's range
 */
export async function loadParameters(
  backend: Backend,
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
  { name = checkpoint.name, allowNonFinite = false }: LoadParametersOptions = {},
): Promise<Parameters> {
  checkSpecs(name, checkpoint, specs);
  const parameters: Parameters = new Map();
  try {
    for (const spec of specs) {
      const tensor = await checkpoint.read(spec.name);
      const values = toDeviceValues(name, spec.name, tensor, allowNonFinite);
      const axes = toMemoryPermutation(spec.layout);
      const placed = axes ? permute(values, spec.shape, axes) : values;
      parameters.set(spec.name, backend.tf.tensor(placed, memoryShape(spec), spec.dtype ?? 'float32'));
    }
    await backend.checkErrors();
    return parameters;
  } catch (error) {
    for (const tensor of parameters.values()) tensor.dispose();
    throw error;
  }
}

/**
 * What `loadParameters` checks before it reads anything: names, shapes and dtypes.
 *
 * @throws WeightError that lists every missing, surplus and misshapen tensor and every wrong dtype
 */
export function checkSpecs(name: string, checkpoint: Checkpoint, specs: readonly ParameterSpec[]): void {
  const surplus = new Set(checkpoint.names);
  const missing: string[] = [];
  const misshapen: string[] = [];
  const mistyped: string[] = [];
  for (const spec of specs) {
    if (!surplus.delete(spec.name)) {
      missing.push(`${spec.name} [${spec.shape.join(', ')}]`);
      continue;
    }
    const { shape, dtype } = checkpoint.info(spec.name);
    if (shape.length !== spec.shape.length || shape.some((size, axis) => size !== spec.shape[axis])) {
      misshapen.push(`${spec.name} expected [${spec.shape.join(', ')}], got [${shape.join(', ')}]`);
    }
    if (isFloat(dtype) !== ((spec.dtype ?? 'float32') === 'float32')) {
      mistyped.push(`${spec.name} expected ${spec.dtype === 'int32' ? 'integers' : 'floats'}, got ${dtype}`);
    }
  }
  const lists: [string, string[]][] = [
    ['missing', missing],
    ['surplus', [...surplus].map((tensor) => `${tensor} [${checkpoint.info(tensor).shape.join(', ')}]`)],
    ['misshapen', misshapen],
    ['of the wrong dtype', mistyped],
  ];
  const found = lists.filter(([, tensors]) => tensors.length > 0);
  if (found.length === 0) return;
  const text = found.map(([what, tensors]) => `${tensors.length} ${what}:\n  ${tensors.join('\n  ')}`);
  throw problem(`${name}: expected the ${specs.length} tensors of the model, got ${text.join('\n')}`);
}

function toDeviceValues(
  file: string,
  tensor: string,
  { dtype, data }: TensorData,
  allowNonFinite: boolean,
): Float32Array | Int32Array {
  if (data instanceof Float32Array) {
    if (!allowNonFinite) checkFinite(`${file}: `, tensor, data);
    return data;
  }
  return data instanceof Int32Array ? data : toInt32(file, tensor, dtype, data);
}

/** @throws WeightError that names tensor, value and place of the first NaN or infinity */
export function checkFinite(prefix: string, tensor: string, values: Float32Array): void {
  // x − x is 0 for finite x and NaN for all others.
  for (let i = 0; i < values.length; i++) {
    if (values[i]! - values[i]! !== 0) {
      throw problem(
        `${prefix}expected finite values in tensor ${tensor}, got ${values[i]} at ${i} of ${values.length}`,
      );
    }
  }
}

function toInt32(file: string, tensor: string, dtype: DType, data: Int8Array | Uint8Array | BigInt64Array): Int32Array {
  if (!(data instanceof BigInt64Array)) return Int32Array.from(data);
  const out = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (BigInt.asIntN(32, value) !== value) {
      throw problem(
        `${file}: expected values of ${dtype} tensor ${tensor} in the range of int32, got ${value} at ${i}`,
      );
    }
    out[i] = Number(value);
  }
  return out;
}

function problem(message: string): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'loadParameters' }, message);
}
