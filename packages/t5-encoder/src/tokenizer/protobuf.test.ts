import { WeightError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { protoFields } from './protobuf.js';

describe('protoFields', () => {
  it('reads varints, f32, f64 and bytes', () => {
    // The first two from protobuf's encoding guide: 150, and "testing".
    const bytes = Uint8Array.of(
      ...[0x08, 0x96, 0x01],
      ...[0x12, 0x07, ...new TextEncoder().encode('testing')],
      ...[0x1d, 0x00, 0x00, 0x20, 0xc0],
      ...[0x21, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f],
      ...[0x92, 0x3f, 0x00],
    );
    expect([...protoFields(bytes)]).toEqual([
      { number: 1, value: 150 },
      { number: 2, value: new TextEncoder().encode('testing') },
      { number: 3, value: -2.5 },
      { number: 4, value: 1.5 },
      { number: 1010, value: new Uint8Array() },
    ]);
  });

  it.each([
    ['a length past the end', Uint8Array.of(0x12, 0x07, 0x41)],
    ['a number without its end', Uint8Array.of(0x08, 0xff)],
    ['a number of eleven bytes', Uint8Array.of(0x08, ...Array(11).fill(0x80))],
    ['a group', Uint8Array.of(0x0b)],
  ])('refuses %s', (_, bytes) => {
    expect(() => [...protoFields(bytes)]).toThrow(WeightError);
  });
});
