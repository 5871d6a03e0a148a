import { WeightError } from '@muse/backend';
import type { ByteSource } from './byteSource.js';
import { duplicateKey } from './duplicateKey.js';
import { looksLikePickle, pickleProblem } from './pickle.js';
import { type DType, dtypeSizes, isDType, isSizes, type TensorInfo } from './tensorData.js';

/** Of the format (safetensors' MAX_HEADER_SIZE): a corrupt length must not make anyone read gigabytes of JSON. */
export const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
export const METADATA_KEY = '__metadata__';

/** Where a tensor's bytes lie, from the start of the file. */
export interface TensorEntry extends TensorInfo {
  readonly offset: number;
}

export interface SafetensorsHeader {
  readonly metadata: Record<string, string>;
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/**
 * Reads and checks a safetensors header: u64 length, JSON, then the tensors' bytes without a gap to the file's end.
 * Every entry is checked before a tensor is read, so nothing is allocated for a bad file.
 *
 * Source: the format's description, github.com/huggingface/safetensors, README "Format", and the checks of its Rust reader.
 *
 * @throws WeightError that names file, tensor and what is wrong
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const { name, sizeBytes } = source;
  if (sizeBytes < LENGTH_BYTES) throw problem(name, `expected at least ${LENGTH_BYTES} bytes, got ${sizeBytes}`);
  const lengthBytes = await readExactly(source, 0, LENGTH_BYTES);
  const length = new DataView(lengthBytes.buffer, lengthBytes.byteOffset).getBigUint64(0, true);
  // A header's length may begin with the same bytes, but is never this large.
  if (length > BigInt(MAX_HEADER_BYTES) && looksLikePickle(lengthBytes)) {
    throw new WeightError(place, `expected a safetensors file, got ${pickleProblem(name)}`);
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw problem(
      name,
      `expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${length}: is it a safetensors file?`,
    );
  }
  const headerBytes = Number(length);
  if (LENGTH_BYTES + headerBytes > sizeBytes) {
    throw problem(
      name,
      `expected a header of ${headerBytes} bytes, got a file of ${sizeBytes} bytes: is it truncated?`,
    );
  }
  const json = parseHeaderJson(name, await readExactly(source, LENGTH_BYTES, headerBytes));
  const dataStart = LENGTH_BYTES + headerBytes;
  let metadata: Record<string, string> = {};
  const entries: [string, TensorEntry][] = [];
  for (const [key, value] of Object.entries(json)) {
    if (key === METADATA_KEY) metadata = checkMetadata(name, value);
    else entries.push([key, checkEntry(name, key, value, dataStart)]);
  }
  entries.sort(([, a], [, b]) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  checkCoverage(name, entries, dataStart, sizeBytes);
  return { metadata, tensors: new Map(entries) };
}

/** A source's bytes; a source that gives another number of them than asked for is caught here. */
export async function readExactly(
  source: ByteSource,
  offset: number,
  length: number,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const bytes = await source.read(offset, length, into);
  if (bytes.length !== length) throw problem(source.name, `expected ${length} bytes at ${offset}, got ${bytes.length}`);
  return bytes;
}

function parseHeaderJson(file: string, bytes: Uint8Array): Record<string, unknown> {
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (cause) {
    throw problem(file, 'expected a header of UTF-8 JSON, got something else', { cause });
  }
  if (!isObject(json) || bytes[0] !== 0x7b) throw problem(file, 'expected a header that is a JSON object');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw problem(file, `expected each name once, got ${JSON.stringify(twice)} twice`);
  return json;
}

function checkMetadata(file: string, value: unknown): Record<string, string> {
  if (!isObject(value)) throw problem(file, `expected ${METADATA_KEY} to be an object of strings, got ${kind(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw problem(file, `expected ${METADATA_KEY}.${key} to be a string, got ${kind(text)}`);
  }
  return value as Record<string, string>;
}

function checkEntry(file: string, name: string, value: unknown, dataStart: number): TensorEntry {
  if (!isObject(value)) throw problem(file, `expected an object for tensor ${name}, got ${kind(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDType(dtype)) {
    const known = Object.keys(dtypeSizes).join(', ');
    throw problem(file, `expected the dtype of tensor ${name} to be one of ${known}, got ${JSON.stringify(dtype)}`);
  }
  if (!isSizes(shape))
    throw problem(file, `expected the shape of tensor ${name} to be sizes, got ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw problem(file, `expected data_offsets [begin, end] of tensor ${name}, got ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const sizeBytes = tensorBytes(dtype, shape);
  if (end - begin !== sizeBytes) {
    throw problem(
      file,
      `expected ${sizeBytes} bytes for tensor ${name}, ${dtype} [${shape.join(', ')}], got data_offsets [${begin}, ${end}]`,
    );
  }
  return { dtype, shape, sizeBytes, offset: dataStart + begin };
}

/** Bytes of a tensor; infinite where a double can't count them exactly, which equals no offset. */
function tensorBytes(dtype: DType, shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const bytes = shape.reduce((product, size) => product * size, dtypeSizes[dtype]);
  return Number.isSafeInteger(bytes) ? bytes : Number.POSITIVE_INFINITY;
}

/** The tensors, in the order of their bytes, must fill the rest of the file: no overlap, no gap, nothing after. */
function checkCoverage(file: string, entries: [string, TensorEntry][], dataStart: number, fileBytes: number): void {
  let end = dataStart;
  let previous = 'the header';
  for (const [name, entry] of entries) {
    if (entry.offset !== end) {
      const what = entry.offset < end ? 'overlap' : 'a gap';
      throw problem(
        file,
        `expected tensor ${name} to begin at byte ${end}, after ${previous}, got ${what}: ${entry.offset}`,
      );
    }
    end += entry.sizeBytes;
    previous = name;
  }
  if (end !== fileBytes) {
    const hint = end > fileBytes ? ': is it truncated?' : '';
    throw problem(file, `expected a file of ${end} bytes by its header, got ${fileBytes}${hint}`);
  }
}

/** A JSON object: neither an array nor null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON value's kind, for messages. */
export function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`;
}

const place = { package: 'checkpoint', in: 'openCheckpoint' };

function problem(file: string, message: string, options?: ErrorOptions): WeightError {
  return new WeightError(place, `${file}: ${message}`, options);
}
