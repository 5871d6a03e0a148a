import { ConfigError, ShapeError } from '@muse/backend';
import { MAX_HEADER_BYTES, METADATA_KEY } from './safetensorsHeader.js';
import { type DType, dtypeSizes, elementCount, encodeTensor, isDType, isSizes, type TensorData } from './tensorData.js';

export type TensorsByName = ReadonlyMap<string, TensorData> | Readonly<Record<string, TensorData>>;

/** Wide types first, so that each tensor is aligned to its own size: the order of the Rust writer, to the byte. */
const dtypeOrder: readonly DType[] = ['I64', 'F32', 'I32', 'BF16', 'F16', 'I8', 'U8'];

export interface SafetensorsLayout {
  /** Length, JSON and padding. */
  readonly header: Uint8Array;
  /** The tensors in the order in which their bytes follow the header. */
  readonly order: readonly string[];
  /** Of the whole file. */
  readonly sizeBytes: number;
}

/**
 * The header of a file before its tensors are there, so that a writer needs one tensor in memory at a time.
 *
 * @throws ShapeError on an unknown dtype or a shape that is none
 * @throws ConfigError on a reserved name or a header over the format's limit
 */
export function layOutSafetensors(
  infos: ReadonlyMap<string, Pick<TensorData, 'dtype' | 'shape'>>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  if (infos.has(METADATA_KEY)) throw problem(`expected tensor names other than ${METADATA_KEY}`);
  for (const [name, { dtype, shape }] of infos) checkForm(name, dtype, shape);
  const order = [...infos].sort(
    ([nameA, a], [nameB, b]) =>
      dtypeOrder.indexOf(a.dtype) - dtypeOrder.indexOf(b.dtype) || compareCodePoints(nameA, nameB),
  );
  const fields: string[] = [];
  const keys = Object.keys(metadata).sort(compareCodePoints);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    fields.push(`"${METADATA_KEY}":{${pairs.join(',')}}`);
  }
  let offset = 0;
  for (const [name, { dtype, shape }] of order) {
    const end = offset + elementCount(shape) * dtypeSizes[dtype];
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const paddedBytes = Math.ceil(json.length / 8) * 8;
  if (paddedBytes > MAX_HEADER_BYTES)
    throw problem(`expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${paddedBytes}`);
  const header = new Uint8Array(8 + paddedBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(paddedBytes), true);
  header.set(json, 8);
  return { header, order: order.map(([name]) => name), sizeBytes: header.length + offset };
}

/**
 * The bytes of a safetensors file: the same bytes that Python's `safetensors` writes for the same tensors (and at most
 * one metadata key: its order of several is random, ours is sorted).
 *
 * @throws ShapeError when an array does not fit its dtype and shape
 * @throws WeightError when a finite value is too large for F16 or BF16
 */
export function encodeSafetensors(tensors: TensorsByName, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const byName = tensorMap(tensors);
  const { header, order, sizeBytes } = layOutSafetensors(byName, metadata);
  const file = new Uint8Array(sizeBytes);
  file.set(header);
  let offset = header.length;
  for (const name of order) {
    const bytes = encodeTensor(name, byName.get(name)!);
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

function checkForm(name: string, dtype: unknown, shape: unknown): void {
  if (isDType(dtype) && isSizes(shape)) return;
  throw new ShapeError(
    { package: 'checkpoint', in: 'encodeSafetensors' },
    `expected for tensor ${name} sizes and one of ${Object.keys(dtypeSizes).join(', ')}, got ${dtype} [${shape}]`,
  );
}

export function tensorMap(tensors: TensorsByName): ReadonlyMap<string, TensorData> {
  return tensors instanceof Map ? tensors : new Map(Object.entries(tensors));
}

/** UTF-8's order, which UTF-16's is not past the basic plane. */
function compareCodePoints(a: string, b: string): number {
  const pointsA = [...a];
  const pointsB = [...b];
  for (let i = 0; i < pointsA.length && i < pointsB.length; i++) {
    const difference = pointsA[i]!.codePointAt(0)! - pointsB[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return pointsA.length - pointsB.length;
}

function problem(message: string): ConfigError {
  return new ConfigError({ package: 'checkpoint', in: 'encodeSafetensors' }, message);
}
