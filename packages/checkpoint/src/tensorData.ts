import { ShapeError, WeightError } from '@muse/backend';
import { narrowToBF16, narrowToF16, widenBF16, widenF16 } from './float16.js';

/** Storage types that are read and written, with their bytes per value. */
export const dtypeSizes = { F32: 4, F16: 2, BF16: 2, I8: 1, U8: 1, I32: 4, I64: 8 } as const;
export type DType = keyof typeof dtypeSizes;

export function isDType(text: unknown): text is DType {
  return typeof text === 'string' && Object.hasOwn(dtypeSizes, text);
}

export function isFloat(dtype: DType): dtype is 'F32' | 'F16' | 'BF16' {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

export type TensorValues = Float32Array | Int32Array | Int8Array | Uint8Array | BigInt64Array;

/** A tensor's form in a file. */
export interface TensorInfo {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly sizeBytes: number;
}

/** A tensor's values, row-major. F16 and BF16 are held widened, in a Float32Array. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorValues;
}

/** Sizes of a shape: integers from 0 on that a double counts exactly. */
export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Little-endian bytes → values. Takes the bytes over: the result may be a view of them. (Every platform that tfjs runs
 * on is little-endian, so typed arrays are the file's own form.)
 *
 * @param into takes floats, as many as there are, and is then the result
 */
export function decodeTensor(dtype: DType, bytes: Uint8Array, into?: Float32Array): TensorValues {
  const isAligned = bytes.byteOffset % dtypeSizes[dtype] === 0;
  const { buffer, byteOffset, byteLength } = isAligned ? bytes : bytes.slice();
  const length = byteLength / dtypeSizes[dtype];
  switch (dtype) {
    case 'F32': {
      const values = new Float32Array(buffer, byteOffset, length);
      into?.set(values);
      return into ?? values;
    }
    case 'F16':
      return widenF16(new Uint16Array(buffer, byteOffset, length), into);
    case 'BF16':
      return widenBF16(new Uint16Array(buffer, byteOffset, length), into);
    case 'I8':
      return new Int8Array(buffer, byteOffset, length);
    case 'U8':
      return new Uint8Array(buffer, byteOffset, length);
    case 'I32':
      return new Int32Array(buffer, byteOffset, length);
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, length);
    default:
      return dtype satisfies never;
  }
}

const arrayTypes = {
  F32: Float32Array,
  F16: Float32Array,
  BF16: Float32Array,
  I8: Int8Array,
  U8: Uint8Array,
  I32: Int32Array,
  I64: BigInt64Array,
} as const;

/**
 * Values → little-endian bytes (a view of the values where no conversion is needed). F16 and BF16 round to nearest,
 * ties to even.
 *
 * @throws ShapeError when the array type or its length does not fit dtype and shape
 * @throws WeightError when a finite value is too large for F16 or BF16
 */
export function encodeTensor(name: string, { dtype, shape, data }: TensorData): Uint8Array {
  const count = elementCount(shape);
  if (!(data instanceof arrayTypes[dtype]) || data.length !== count) {
    throw new ShapeError(
      { package: 'checkpoint', in: 'encodeTensor' },
      `expected for tensor ${name}, ${dtype} [${shape.join(', ')}], ${arrayTypes[dtype].name} of ${count} values, ` +
        `got ${data.constructor.name} of ${data.length}`,
    );
  }
  if (dtype === 'F16' || dtype === 'BF16') return narrow(name, dtype, data as Float32Array);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function narrow(name: string, dtype: 'F16' | 'BF16', values: Float32Array): Uint8Array {
  const halves = dtype === 'F16' ? narrowToF16(values) : narrowToBF16(values);
  const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i]! & 0x7fff) === infinity && Number.isFinite(values[i]!)) {
      throw new WeightError(
        { package: 'checkpoint', in: 'encodeTensor' },
        `expected values of tensor ${name} in the range of ${dtype}, got ${values[i]} at ${i}`,
      );
    }
  }
  return new Uint8Array(halves.buffer);
}
