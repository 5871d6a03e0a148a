// The two 16-bit floats of weight files, as bit patterns. Checked against every one of the 65,536 patterns.

/** Patterns of binary32 by the pattern of binary16: one look-up per weight is what makes loading quick. Made when first asked for. */
let widened: Uint32Array | undefined;

/**
 * IEEE binary16 → binary32, exact; signalling bits and NaN payloads are kept.
 *
 * @param out takes the values, as many as there are halves
 */
export function widenF16(halves: Uint16Array, out: Float32Array = new Float32Array(halves.length)): Float32Array {
  widened ??= Uint32Array.from({ length: 0x10000 }, (_, half) => f32Bits(half));
  const table = widened;
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]!]!;
  return out;
}

function f32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // Subnormal: mantissa · 2⁻²⁴, which binary32 holds as a normal number. Its leading one lies `shift` places below bit 10.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** binary32 → binary16, to nearest, ties to even; from 65520 on it gives infinity, as IEEE does. */
export function narrowToF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) out[i] = f16Bits(bits[i]!);
  return out;
}

function f16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 65520, halfway between the largest binary16 and the one that would follow.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebiased = magnitude - (112 << 23);
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  // Up to 2⁻²⁵, half of the smallest subnormal, the nearest is zero (the tie goes to even, zero).
  if (magnitude <= 0x33000000) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const roundsUp = rest > half || (rest === half && (kept & 1) === 1);
  return sign | (kept + (roundsUp ? 1 : 0));
}

/**
 * bfloat16 → binary32, exact.
 *
 * @param out takes the values, as many as there are halves
 */
export function widenBF16(halves: Uint16Array, out: Float32Array = new Float32Array(halves.length)): Float32Array {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return out;
}

/** binary32 → bfloat16, to nearest, ties to even. */
export function narrowToBF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const isNotANumber = (word & 0x7fffffff) > 0x7f800000;
    // A NaN whose payload lies in the dropped half would turn into infinity: set its quiet bit.
    out[i] = isNotANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
