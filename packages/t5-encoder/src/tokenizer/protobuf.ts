import { WeightError } from '@muse/backend';

/** One field of a protobuf message: a number for varints and 4-byte values, bytes for what carries its length. */
export interface ProtoField {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/**
 * The fields of a protobuf message, in their order. Varints above 2^53 lose precision (SentencePiece has none that matter),
 * and 4-byte values are read as f32, the only ones there.
 *
 * @throws WeightError if the bytes are no message
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export function* protoFields(bytes: Uint8Array): Generator<ProtoField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  const take = (size: number): number => {
    const start = position;
    if (start + size > bytes.length) throw broken(`a field ends at byte ${start + size} of ${bytes.length}`);
    position += size;
    return start;
  };
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      if (factor > 2 ** 63) throw broken(`a number of more than ten bytes ends at byte ${position}`);
      const byte = bytes[take(1)]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const wireType = key % 8;
    if (wireType === 0) yield { number, value: varint() };
    else if (wireType === 1) yield { number, value: view.getFloat64(take(8), true) };
    else if (wireType === 5) yield { number, value: view.getFloat32(take(4), true) };
    else if (wireType === 2) {
      const size = varint();
      const start = take(size);
      yield { number, value: bytes.subarray(start, start + size) };
    } else throw broken(`wire type ${wireType} at byte ${position}`);
  }
}

function broken(got: string): WeightError {
  return new WeightError({ package: 't5-encoder', in: 'fromSentencePiece' }, `expected a protobuf message, got ${got}`);
}
