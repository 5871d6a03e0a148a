import { describe, expect, it } from 'vitest';
import { maskedCrc32c } from './crc32c.js';
import { varint } from './protobuf.js';
import { fileVersionRecord, scalarRecord, sessionStartRecord, tfRecord } from './tensorBoard.js';

/** Protobuf fields by number, as TensorBoard reads them; wire types 0, 1, 2 and 5. */
function parseMessage(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const fields = new Map<number, (number | Uint8Array)[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const readVarint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (offset < bytes.length) {
    const key = readVarint();
    const wire = key & 7;
    let value: number | Uint8Array;
    if (wire === 0) value = readVarint();
    else if (wire === 1) {
      value = view.getFloat64(offset, true);
      offset += 8;
    } else if (wire === 5) {
      value = view.getFloat32(offset, true);
      offset += 4;
    } else {
      const length = readVarint();
      value = bytes.subarray(offset, offset + length);
      offset += length;
    }
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return fields;
}

/** The data of a TFRecord file, every checksum verified. */
function readRecords(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < bytes.length; ) {
    const length = Number(view.getBigUint64(offset, true));
    expect(view.getUint32(offset + 8, true)).toBe(maskedCrc32c(bytes.subarray(offset, offset + 8)));
    const data = bytes.subarray(offset + 12, offset + 12 + length);
    expect(view.getUint32(offset + 12 + length, true)).toBe(maskedCrc32c(data));
    records.push(data);
    offset += 16 + length;
  }
  return records;
}

const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);

describe('TensorBoard records', () => {
  it('are framed by length and masked checksums', () => {
    expect(readRecords(tfRecord(Uint8Array.of(1, 2, 3)))).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  it('begin with the version of the format', () => {
    const [data] = readRecords(fileVersionRecord(12.5));
    const event = parseMessage(data!);
    expect(event.get(1)).toEqual([12.5]);
    expect(text(event.get(3)![0])).toBe('brain.Event:2');
  });

  it('give back step, time, tags and values', () => {
    const [data] = readRecords(
      scalarRecord({ step: 70_000, wallTimeSeconds: 1.7e9, scalars: { loss: 0.25, accuracy: -3 } }),
    );
    const event = parseMessage(data!);
    expect(event.get(1)).toEqual([1.7e9]);
    expect(event.get(2)).toEqual([70_000]);
    const values = parseMessage(event.get(5)![0] as Uint8Array)
      .get(1)!
      .map((value) => parseMessage(value as Uint8Array));
    expect(values.map((value) => [text(value.get(1)![0]), value.get(2)![0]])).toEqual([
      ['loss', 0.25],
      ['accuracy', -3],
    ]);
  });

  it('hold pictures', () => {
    const png = Uint8Array.of(137, 80, 78, 71);
    const record = scalarRecord({
      step: 1,
      wallTimeSeconds: 1,
      scalars: {},
      images: { grid: { width: 300, height: 20, png } },
    });
    const event = parseMessage(readRecords(record)[0]!);
    const value = parseMessage(parseMessage(event.get(5)![0] as Uint8Array).get(1)![0] as Uint8Array);
    const image = parseMessage(value.get(4)![0] as Uint8Array);
    expect([image.get(1), image.get(2), image.get(3)]).toEqual([[20], [300], [3]]);
    expect(image.get(4)).toEqual([png]);
  });

  it('tell from which step on a resumed run replaces earlier files', () => {
    const event = parseMessage(readRecords(sessionStartRecord(1, 301))[0]!);
    expect(event.get(2)).toEqual([301]);
    expect(parseMessage(event.get(7)![0] as Uint8Array).get(1)).toEqual([1]);
  });
});

describe('varint', () => {
  it.each([
    [0, [0]],
    [127, [127]],
    [300, [0xac, 0x02]],
    [2 ** 40, [0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
  ])('of %d', (value, bytes) => {
    expect([...varint(value)]).toEqual(bytes);
  });
});
