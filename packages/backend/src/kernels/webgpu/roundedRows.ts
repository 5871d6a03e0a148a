import type { TensorInfo } from '@tensorflow/tfjs';
import { type GemmSource, matrixWgsl } from './gemm.js';

/** What rows are rounded to before they are multiplied. */
export type RoundedTo = 'f16' | 'i8';

/**
 * The matrix itself, rounded as it is loaded: rows · weight in halves or in integers of 8 bits, for weights of `w16a16` and `w8a8`.
 *
 * Each row is its factor times halves or bytes. Bytes: round(127 · x / greatest), factor greatest / 127. Halves: x by a power of
 * two, below 2048. A workgroup finds the greatest of its rows before it multiplies, as an integer: floats without their sign are
 * ordered as their bits, NaN above all, so a row that is not finite gets NaN as its factor and stays seen. Of integers the
 * greatest is the same in any order.
 *
 * @param x f32 [M, K]
 */
export function roundedSource(x: TensorInfo, K: number, to: RoundedTo): GemmSource {
  const components = K % 4 === 0 ? 4 : 1;
  return {
    key: `rounding_${to}_${components}`,
    arithmetic: to,
    depth: to === 'f16' ? K : Math.ceil(K / 4),
    inputs: { x: { tensor: x, components } },
    uniforms: {},
    wgsl: [matrixWgsl('valuesAt', components), MEASURE_ROWS, to === 'f16' ? LOAD_HALVES : LOAD_BYTES].join('\n'),
  };
}

/** Sixteen threads read a row, fours side by side. */
const MEASURE_ROWS = /* wgsl */ `
var<workgroup> greatest: array<atomic<u32>, TILE_ROWS>;

fn measureRows(firstRow: i32) {
  for (var i = i32(localIndex) / 16; i < TILE_ROWS; i += THREADS / 16) {
    var own = vec4<u32>();
    for (var k = i32(localIndex) % 16 * 4; k < uniforms.K; k += 64) {
      own = max(own, bitcast<vec4<u32>>(valuesAt(firstRow + i, k)) & vec4<u32>(0x7fffffffu));
    }
    atomicMax(&greatest[i], max(max(own.x, own.y), max(own.z, own.w)));
  }
  workgroupBarrier();
}

fn greatestOf(m: i32) -> u32 { return atomicLoad(&greatest[m % TILE_ROWS]); }

fn finiteOrNaN(factor: f32, high: u32) -> f32 {
  return bitcast<f32>(select(bitcast<u32>(factor), 0x7fc00000u, high >= 0x7f800000u));
}`;

/** 2^(e − 10) of a greatest in [2^e, 2^(e + 1)), and its inverse; the exponent is kept where both are normal. */
const LOAD_HALVES = /* wgsl */ `
fn exponentOf(high: u32) -> u32 { return clamp(high >> 23u, 24u, 254u); }

fn rowScale(m: i32) -> f32 {
  let high = greatestOf(m);
  return finiteOrNaN(bitcast<f32>((exponentOf(high) - 10u) << 23u), high);
}

fn loadRows(m: i32, k: i32) -> vec4<f16> {
  let values = valuesAt(m, k) * bitcast<f32>((264u - exponentOf(greatestOf(m))) << 23u);
  return bitcast<vec4<f16>>(vec2<u32>(pack2x16float(values.xy), pack2x16float(values.zw)));
}`;

/** A number below 2^22 that is added to 1.5 · 2^23 is rounded to an integer, whose low byte is that of the sum. */
const LOAD_BYTES = /* wgsl */ `
fn limitOf(high: u32) -> f32 { return max(bitcast<f32>(high), 1e-30); }

fn rowScale(m: i32) -> f32 {
  let high = greatestOf(m);
  return finiteOrNaN(limitOf(high) / 127.0, high);
}

fn loadRows(m: i32, k: i32) -> vec4<u32> {
  let slope = 127.0 / limitOf(greatestOf(m));
  var words = vec4<u32>();
  for (var c = 0; c < 4; c++) {
    words[c] = pack4xU8(bitcast<vec4<u32>>(valuesAt(m, (k + c) * 4) * slope + 12582912.0));
  }
  return words;
}`;
