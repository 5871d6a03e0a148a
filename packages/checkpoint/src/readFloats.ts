import { WeightError } from '@muse/backend';
import type { Checkpoint } from './checkpoint.js';
import { readAhead } from './readAhead.js';
import { elementCount } from './tensorData.js';

/** Rows of a tensor of floats, row-major, as f32. */
export interface FloatRows {
  readonly name: string;
  readonly start: number;
  readonly count: number;
  /** Whether these are the tensor's last rows. */
  readonly isLast: boolean;
  /** Theirs until the next rows are asked for, unless `into` gave the memory. */
  readonly values: Float32Array;
}

export interface ReadFloatsOptions {
  /** Memory for all of a tensor, where its values are to stay as they lie in the file. */
  readonly into?: (name: string) => Float32Array | undefined;
  /** What is read, for messages; default the checkpoint's name. */
  readonly label?: string;
  /** Take NaN and infinities as they are instead of refusing them. Default false. */
  readonly allowNonFinite?: boolean;
}

/** Values that are read at once: little enough for a processor's cache, enough for the disk. */
const CHUNK_VALUES = 2 ** 20;

/**
 * Float tensors as f32, some rows at a time: while those at hand are worked on, the bytes of the next are read. So a tensor
 * of any size is read in the memory of two chunks. A scalar is one row.
 *
 * @throws WeightError for a tensor that can't be read, or naming the first value that is NaN or infinite
 */
export async function* readFloats(
  checkpoint: Checkpoint,
  names: readonly string[],
  { into, label = checkpoint.name, allowNonFinite = false }: ReadFloatsOptions = {},
): AsyncGenerator<FloatRows> {
  const chunks = [...chunksOf(checkpoint, names)];
  const largest = chunks.reduce((most, { count, width }) => Math.max(most, count * width), 0);
  // Two take turns: one is worked on while the other is filled.
  const scratch = [new Float32Array(0), new Float32Array(0)];
  const read = async ({ name, start, count, width, isLast }: Chunk, turn: number): Promise<FloatRows> => {
    const size = count * width;
    const whole = into?.(name);
    if (!whole && scratch[turn]!.length < size) scratch[turn] = new Float32Array(largest);
    const values = whole ? whole.subarray(start * width, start * width + size) : scratch[turn]!.subarray(0, size);
    if (checkpoint.info(name).shape.length > 0) await checkpoint.readRows(name, start, count, values);
    else values.set((await checkpoint.read(name)).data as Float32Array);
    if (!allowNonFinite) checkFinite(`${label}: `, name, values, start * width, checkpoint.info(name).shape);
    return { name, start, count, isLast, values };
  };
  yield* readAhead(chunks, (chunk, index) => read(chunk, index % 2));
}

interface Chunk extends Omit<FloatRows, 'values'> {
  /** Values of a row. */
  readonly width: number;
}

function* chunksOf(checkpoint: Checkpoint, names: readonly string[]): Generator<Chunk> {
  for (const name of names) {
    const [numRows = 1, ...row] = checkpoint.info(name).shape;
    const width = elementCount(row);
    const mostRows = Math.max(1, Math.floor(CHUNK_VALUES / Math.max(1, width)));
    let start = 0;
    do {
      const count = Math.min(mostRows, numRows - start);
      yield { name, start, count, width, isLast: start + count === numRows };
      start += count;
    } while (start < numRows);
  }
}

/**
 * @param values of a tensor, or a part of it
 * @param offset of the first of them in the tensor
 * @throws WeightError that names tensor, value and place of the first NaN or infinity
 */
export function checkFinite(
  prefix: string,
  tensor: string,
  values: Float32Array,
  offset: number,
  shape: readonly number[],
): void {
  if (areFinite(values)) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new WeightError(
    { package: 'checkpoint', in: 'readFloats' },
    `${prefix}expected finite values in tensor ${tensor}, got ${values[at]} at ${offset + at} of ${elementCount(shape)}`,
  );
}

function areFinite(values: Float32Array): boolean {
  // x − x is 0 for finite x and NaN for all others, and NaN stays. Four sums, as each addition waits for the one before.
  const { length } = values;
  const whole = length - (length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    a += values[i]! - values[i]!;
    b += values[i + 1]! - values[i + 1]!;
    c += values[i + 2]! - values[i + 2]!;
    d += values[i + 3]! - values[i + 3]!;
  }
  for (let i = whole; i < length; i++) a += values[i]! - values[i]!;
  return a + b + c + d === 0;
}
