import { maskedCrc32c } from './crc32c.js';
import { bytesField, concatBytes, doubleField, floatField, integerField } from './protobuf.js';

/** A PNG for TensorBoard's image page. */
export interface EventImage {
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

export interface ScalarEvent {
  readonly step: number;
  readonly wallTimeSeconds: number;
  readonly scalars: Readonly<Record<string, number>>;
  readonly images?: Readonly<Record<string, EventImage>>;
}

/** SessionLog.SessionStatus.START of TensorFlow's event.proto. */
const SESSION_START = 1;
const RGB = 3;

/** First record of an event file. */
export function fileVersionRecord(wallTimeSeconds: number): Uint8Array {
  return tfRecord(concatBytes([doubleField(1, wallTimeSeconds), bytesField(3, 'brain.Event:2')]));
}

/** Tells TensorBoard to drop what earlier files hold from this step on: a resumed run does these steps again. */
export function sessionStartRecord(wallTimeSeconds: number, step: number): Uint8Array {
  const sessionLog = bytesField(7, integerField(1, SESSION_START));
  return tfRecord(concatBytes([doubleField(1, wallTimeSeconds), integerField(2, step), sessionLog]));
}

/** Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 | image = 4 } } }. */
export function scalarRecord({ step, wallTimeSeconds, scalars, images = {} }: ScalarEvent): Uint8Array {
  const values = [
    ...Object.entries(scalars).map(([tag, value]) => concatBytes([bytesField(1, tag), floatField(2, value)])),
    ...Object.entries(images).map(([tag, { width, height, png }]) =>
      concatBytes([
        bytesField(1, tag),
        bytesField(
          4,
          concatBytes([integerField(1, height), integerField(2, width), integerField(3, RGB), bytesField(4, png)]),
        ),
      ]),
    ),
  ];
  const summary = concatBytes(values.map((value) => bytesField(1, value)));
  return tfRecord(concatBytes([doubleField(1, wallTimeSeconds), integerField(2, step), bytesField(5, summary)]));
}

/** TFRecord: u64 length, masked CRC of the length, data, masked CRC of the data; little-endian. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(out.subarray(0, 8)), true);
  out.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return out;
}
