import { fixturePath } from '@muse/fixtures';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from './checkpoint.js';
import { narrowToBF16, narrowToF16, widenBF16, widenF16 } from './float16.js';
import { fileSource } from './node/index.js';
import { encodeTensor } from './tensorData.js';

const every = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
/** The bit patterns for which something holds: an `expect` for each of 65,536 would take seconds. */
const patterns = (holds: (bits: number) => boolean, end = every.length) => [...every.subarray(0, end)].filter(holds);

/** By the definition of binary16: sign · 2^(exponent − 15) · 1.mantissa, exponent 0 subnormal, 31 infinite or NaN. */
function binary16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
const fromBits = (bits: number[]) => new Float32Array(Uint32Array.from(bits).buffer);

describe('F16', () => {
  test('widens every bit pattern to the number that it stands for', () => {
    const wide = widenF16(every);
    expect(patterns((i) => !Object.is(wide[i], binary16(i)))).toEqual([]);
  });

  test('gives every bit pattern back', () => {
    const back = narrowToF16(widenF16(every));
    // A NaN stays a NaN with its payload, and becomes quiet.
    expect(patterns((i) => back[i] !== ((i & 0x7fff) > 0x7c00 ? i | 0x200 : i))).toEqual([]);
  });

  test('rounds to nearest between any two neighbours, ties to even', () => {
    const wrong = patterns((low) => {
      const high = low + 1;
      // Past the largest finite number the neighbour would be 65536.
      const top = high === 0x7c00 ? 65536 : binary16(high);
      const [middle] = bitsOf(Float32Array.of((binary16(low) + top) / 2));
      const [below, tie, above] = narrowToF16(fromBits([middle! - 1, middle!, middle! + 1]));
      return below !== low || tie !== (low % 2 === 0 ? low : high) || above !== high;
    }, 0x7c00);
    expect(wrong).toEqual([]);
  });

  test('refuses a finite number that would round to infinity', () => {
    const encode = (value: number) => encodeTensor('w', { dtype: 'F16', shape: [1], data: Float32Array.of(value) });
    expect(new Uint16Array(encode(65519).buffer)).toEqual(Uint16Array.of(0x7bff));
    expect(() => encode(65520)).toThrow('values of tensor w in the range of F16, got 65520 at 0');
    expect(() => encode(-1e30)).toThrow('in the range of F16');
    expect(new Uint16Array(encode(Number.NEGATIVE_INFINITY).buffer)).toEqual(Uint16Array.of(0xfc00));
  });
});

describe('BF16', () => {
  test('widens every bit pattern to the float whose upper half it is', () => {
    const bits = bitsOf(widenBF16(every));
    expect(patterns((i) => bits[i] !== (i << 16) >>> 0)).toEqual([]);
  });

  test('gives every bit pattern back', () => {
    const back = narrowToBF16(widenBF16(every));
    expect(patterns((i) => back[i] !== ((i & 0x7fff) > 0x7f80 ? i | 0x40 : i))).toEqual([]);
  });

  test('rounds to nearest between any two neighbours, ties to even', () => {
    const wrong = patterns((low) => {
      const middle = (low << 16) | 0x8000;
      const [below, tie, above] = narrowToBF16(fromBits([middle - 1, middle, middle + 1]));
      return below !== low || tie !== (low % 2 === 0 ? low : low + 1) || above !== low + 1;
    }, 0x7f80);
    expect(wrong).toEqual([]);
  });

  test('keeps a NaN whose payload lies in the dropped half a NaN', () => {
    expect([...narrowToBF16(fromBits([0x7f800001, 0xff800001]))]).toEqual([0x7fc0, 0xffc0]);
  });
});

test('both round as torch does', async () => {
  // Golden: internal/fixtures/python/checkpoint.py, rounding().
  const golden = await openCheckpoint(await fileSource(fixturePath('checkpoint/rounding.safetensors')));
  const { data } = await golden.read('values');
  expect(widenF16(narrowToF16(data as Float32Array))).toEqual((await golden.read('f16')).data);
  expect(widenBF16(narrowToBF16(data as Float32Array))).toEqual((await golden.read('bf16')).data);
  await golden.close();
});
