import { type Backend, type ModelDtype, type PackedDtype, WeightError } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';
import type { Checkpoint } from './checkpoint.js';
import { memoryShape, type ParameterSpec, type Parameters, toMemoryPermutation } from './parameters.js';
import { memoryRows, placeRows } from './placeRows.js';
import { type ReadFloatsOptions, readFloats } from './readFloats.js';
import { elementCount, isFloat, type TensorData } from './tensorData.js';

/** What loaders of models take. */
export interface LoadModelOptions {
  /**
   * What linear maps are kept in, where their width is a multiple of 4: packed one by one, as they are read. Tables, norms and
   * convolutions stay f32. Default f32.
   */
  readonly dtype?: ModelDtype;
}

export interface LoadParametersOptions extends LoadModelOptions {
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
 * @throws WeightError that says how many tensors are missing, surplus, misshapen and of a wrong dtype, and names the first three
 *   of each; or that names the first tensor with a NaN, an infinity or an integer out of int32's range
 */
export async function loadParameters(
  backend: Backend,
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
  { name = checkpoint.name, allowNonFinite = false, dtype = 'f32' }: LoadParametersOptions = {},
): Promise<Parameters> {
  checkSpecs(name, checkpoint, specs);
  const loaded: Parameters = new Map();
  try {
    const options = { label: name, allowNonFinite, dtype };
    const floats = specs.filter((spec) => !isInteger(spec));
    await widenOnDevice(backend, checkpoint, floats, loaded, options);
    await loadFloats(
      backend,
      checkpoint,
      floats.filter((spec) => !loaded.has(spec.name)),
      loaded,
      options,
    );
    for (const spec of specs.filter(isInteger)) {
      const values = toInt32(name, spec.name, await checkpoint.read(spec.name));
      loaded.set(spec.name, backend.tf.tensor(values, memoryShape(spec), 'int32'));
    }
    await backend.checkErrors();
    return new Map(specs.map((spec) => [spec.name, loaded.get(spec.name)!]));
  } catch (error) {
    for (const tensor of loaded.values()) tensor.dispose();
    throw error;
  }
}

const isInteger = ({ dtype }: ParameterSpec) => dtype === 'int32';

type FloatOptions = Pick<ReadFloatsOptions, 'label' | 'allowNonFinite'> & { readonly dtype: ModelDtype };

const isPacked = ({ layout, shape }: ParameterSpec, dtype: ModelDtype): dtype is PackedDtype =>
  dtype !== 'f32' && layout === 'linear' && shape[0]! % 4 === 0;

/** Below this a tensor is read together with its neighbours. */
const LARGE_VALUES = 2 ** 16;
/** What is read at once of a tensor that the device widens: it stays in memory until the engine collects it. */
const PIECE_BYTES = 2 ** 24;
const deviceDtypes = { F32: 'f32', F16: 'f16', BF16: 'bf16' } as const;

/** Large tensors, where the device takes a file's bytes as they are. */
async function widenOnDevice(
  backend: Backend,
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
  loaded: Parameters,
  options: FloatOptions,
): Promise<void> {
  const { tf } = backend;
  if (!backend.widenFloats) return;
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const inFileOrder = checkpoint.names.flatMap((name) => byName.get(name) ?? []);
  // The largest first: the place of its intermediate results is filled by smaller tensors. TensorFlow's allocator gives a free
  // piece of up to twice the size whole, so that in another order a tenth of the memory is lost in such pieces.
  const large = inFileOrder
    .filter(({ shape }) => elementCount(shape) >= LARGE_VALUES && elementCount(shape) % 2 === 0)
    .sort((a, b) => elementCount(b.shape) - elementCount(a.shape));
  const largest = large[0] ? checkpoint.info(large[0].name).sizeBytes : 0;
  const memory = takeMemory(Math.min(largest, PIECE_BYTES));
  for (const spec of large) {
    const { dtype } = options;
    const axes = toMemoryPermutation(spec.layout);
    const doPack = isPacked(spec, dtype);
    const tensor = await widenPieces(backend, checkpoint, spec, doPack ? undefined : axes, memory);
    if (!tensor) continue;
    loaded.set(spec.name, tensor);
    // A NaN or an infinity stays in a sum.
    const isSound = options.allowNonFinite || Number.isFinite((await readAndDispose(tf.sum(tensor)))[0]);
    // To say which and where; a sum of large values may be too large by itself.
    if (!isSound) for await (const _ of readFloats(checkpoint, [spec.name], options));
    if (doPack) loaded.set(spec.name, packAndDispose(backend, tensor, dtype, axes));
  }
  unused = new WeakRef(memory.buffer);
}

/** What the last load has read into, until the engine frees it: which it does in its own time, so that it would add up. */
let unused: WeakRef<ArrayBuffer> | undefined;

function takeMemory(size: number): Uint8Array<ArrayBuffer> {
  const buffer = unused?.deref();
  unused = undefined; // another load may begin meanwhile
  return buffer && buffer.byteLength >= size ? new Uint8Array(buffer, 0, size) : new Uint8Array(size);
}

/**
 * A tensor of the file's bytes, by as many at once as there is memory for.
 *
 * @param axes of the file in the order of the result; default as they are
 * @returns f32, the caller's; nothing where the values are not the file's own
 */
async function widenPieces(
  { tf, widenFloats }: Backend,
  checkpoint: Checkpoint,
  { name, shape }: ParameterSpec,
  axes: number[] | undefined,
  memory: Uint8Array,
): Promise<Tensor | undefined> {
  const { dtype, sizeBytes } = checkpoint.info(name);
  const type = deviceDtypes[dtype as keyof typeof deviceDtypes];
  if (sizeBytes <= memory.length) {
    const bytes = await checkpoint.readBytes?.(name, memory.subarray(0, sizeBytes));
    return bytes && widenFloats!(bytes, type, shape, axes);
  }
  const sizeOfValue = sizeBytes / elementCount(shape);
  const pieces: Tensor[] = [];
  try {
    for (let start = 0; start < sizeBytes; start += memory.length) {
      const into = memory.subarray(0, Math.min(memory.length, sizeBytes - start));
      const bytes = await checkpoint.readBytes?.(name, into, start);
      if (!bytes) return undefined;
      pieces.push(widenFloats!(bytes, type, [bytes.length / sizeOfValue]));
    }
    return tf.tidy(() => {
      const values = tf.reshape(tf.concat(pieces), [...shape]);
      return axes ? tf.transpose(values, axes) : values;
    });
  } finally {
    tf.dispose(pieces);
  }
}

function packAndDispose(backend: Backend, tensor: Tensor, dtype: PackedDtype, order?: number[]): Tensor {
  const packed = backend.packWeight(tensor, dtype, order);
  tensor.dispose();
  return packed;
}

async function readAndDispose(tensor: Tensor): Promise<Float32Array> {
  const values = await tensor.data<'float32'>();
  tensor.dispose();
  return values;
}

/** In the order of their bytes, as disks and networks want it. */
async function loadFloats(
  backend: Backend,
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
  loaded: Parameters,
  options: FloatOptions,
): Promise<void> {
  const wanted = new Map(specs.map((spec) => [spec.name, spec]));
  const names = checkpoint.names.filter((tensor) => wanted.has(tensor));
  /** Values in memory layout, of the tensors that are being read. */
  const memory = new Map<string, Float32Array>();
  const memoryOf = ({ name: tensor, shape }: ParameterSpec) => {
    const values = memory.get(tensor) ?? new Float32Array(elementCount(shape));
    memory.set(tensor, values);
    return values;
  };
  const into = (tensor: string) => {
    const spec = wanted.get(tensor)!;
    return spec.layout === 'none' ? memoryOf(spec) : undefined;
  };
  let order: Int32Array = new Int32Array();
  for await (const { name: tensor, start, count, isLast, values } of readFloats(checkpoint, names, {
    ...options,
    into,
  })) {
    const spec = wanted.get(tensor)!;
    if (spec.layout !== 'none') {
      if (start === 0) order = memoryRows(spec.layout, spec.shape);
      placeRows(values, start, count, order, memoryOf(spec));
    }
    if (isLast) {
      const made = backend.tf.tensor(memoryOf(spec), memoryShape(spec), 'float32');
      memory.delete(tensor);
      const { dtype } = options;
      loaded.set(tensor, isPacked(spec, dtype) ? packAndDispose(backend, made, dtype) : made);
    }
  }
}

/**
 * What `loadParameters` checks before it reads anything: names, shapes and dtypes.
 *
 * @throws WeightError that says how many tensors are missing, surplus, misshapen and of a wrong dtype, and names the first three
 *   of each
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
  const text = found.map(([what, tensors]) => `${tensors.length} ${what}:\n  ${firstOf(tensors).join('\n  ')}`);
  throw problem(`${name}: expected the ${specs.length} tensors of the model, got ${text.join('\n')}`);
}

/** Where a config contradicts its weights there are hundreds. */
const MAX_NAMED = 3;

function firstOf(tensors: readonly string[]): string[] {
  const more = tensors.length - MAX_NAMED;
  return more > 0 ? [...tensors.slice(0, MAX_NAMED), `and ${more} more`] : [...tensors];
}

function toInt32(file: string, tensor: string, { dtype, data }: TensorData): Int32Array {
  if (data instanceof Int32Array) return data;
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
