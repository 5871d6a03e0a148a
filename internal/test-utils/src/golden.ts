import type { Backend } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';

export interface Golden {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Tensors of a small safetensors file by name. A reader of its own, as @muse/checkpoint's is under test itself. */
export function parseGolden(file: Uint8Array): Map<string, Golden> {
  const headerSize = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerSize))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const golden = new Map<string, Golden>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const bytes = file.subarray(8 + headerSize + offsets[0], 8 + headerSize + offsets[1]);
    golden.set(name, { shape, data: decode(dtype, new Uint8Array(bytes).buffer) }); // a copy, as it must be aligned
  }
  return golden;
}

function decode(dtype: string, buffer: ArrayBuffer): Float32Array | Int32Array {
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'I32') return new Int32Array(buffer);
  if (dtype === 'I64') return Int32Array.from(new BigInt64Array(buffer), Number);
  throw new Error(`[test-utils] parseGolden: expected F32, I32 or I64, got ${dtype}`);
}

/** A golden as a tensor. The caller disposes. */
export function goldenTensor({ tf }: Backend, { shape, data }: Golden): Tensor {
  return tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32');
}
