/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { ENABLE_SUBGROUPS } from './directives.js';
import type { GemmSource } from './gemm.js';
import { int, MAX_WORKGROUPS, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/** What rows are rounded to before they are multiplied. */
export type RoundedTo = 'f16' | 'i8';

/** Fours of a row, with zeros behind K: a load of the product takes four halves, or sixteen bytes. */
const numQuads = (K: number, to: RoundedTo) => (to === 'f16' ? Math.ceil(K / 4) : Math.ceil(K / 16) * 4);
/** Factors of the rows lie before the rows. */
const numFactors = (M: number) => Math.ceil(M / 4) * 4;

/**
 * The matrix itself, rounded: rows · weight in halves or in integers of 8 bits, for weights of `w16a16` and `w8a8`.
 *
 * @param x f32 [M, K]
 */
export function roundedSource(x: tf.TensorInfo, { M, K }: { M: number; K: number }, to: RoundedTo): GemmSource {
  const components = to === 'f16' ? 2 : 4;
  const quads = numQuads(K, to);
  const loads = to === 'f16' ? quads : quads / 4; // of a row
  return {
    key: `rounded_${to}`,
    arithmetic: to,
    depth: to === 'f16' ? K : quads,
    inputs: { rows: { tensor: roundRows(x, { M, K }, to), components } },
    uniforms: { loads: int(loads), firstLoad: int(numFactors(M) / components) },
    wgsl: /* wgsl */ `
fn rowScale(m: i32) -> f32 { return bitcast<f32>(rows[m / ${components}][m % ${components}]); }
fn loadRows(m: i32, k: i32) -> vec4<${to === 'f16' ? 'f16' : 'u32'}> {
  if (m >= uniforms.M || k >= uniforms.depth) { return vec4<${to === 'f16' ? 'f16' : 'u32'}>(); }
  return bitcast<vec4<${to === 'f16' ? 'f16' : 'u32'}>>(rows[uniforms.firstLoad + m * uniforms.loads + k / 4]);
}`,
  };
}

/**
 * Each row as its factor times halves or bytes. Bytes: round(127 · x / greatest), factor greatest / 127. Halves: x by a power of
 * two, below 2048. The greatest is found as an integer: floats without their sign are ordered as their bits, NaN above all, so
 * a row that is not finite gets NaN as its factor and stays seen. Of integers the greatest is the same in any order, so where the
 * device has subgroups each asks its own first.
 *
 * Bindings: result i32 [⌈M/4⌉·4 + M · words], x f32 [M, K]. Dispatch: a workgroup a row.
 */
export function roundRows(
  x: tf.TensorInfo,
  { M, K }: { M: number; K: number },
  to: RoundedTo,
  hasSubgroups = (tf.backend() as WebGPUBackend).device.features.has('subgroups' as GPUFeatureName),
): tf.Tensor {
  const components = K % 4 === 0 ? 4 : 1;
  const quads = numQuads(K, to);
  const columns = Math.min(M, MAX_WORKGROUPS);
  const load =
    components === 4
      ? 'if (quad * 4 < uniforms.K) { values = x[(m * uniforms.K) / 4 + quad]; }'
      : /* wgsl */ `for (var c = 0; c < 4; c++) {
    if (quad * 4 + c < uniforms.K) { values[c] = x[m * uniforms.K + quad * 4 + c]; }
  }`;
  const write =
    to === 'f16'
      ? /* wgsl */ `
    result[start + 2 * quad] = bitcast<i32>(pack2x16float(values.xy));
    result[start + 2 * quad + 1] = bitcast<i32>(pack2x16float(values.zw));`
      : 'result[start + quad] = bitcast<i32>(pack4x8snorm(values));';
  return runKernel({
    key: `museRoundRows_${to}_${components}_${hasSubgroups}`,
    inputs: { x: { tensor: x, components } },
    outputShape: [numFactors(M) + M * quads * (to === 'f16' ? 2 : 1)],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [columns, Math.ceil(M / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { M: int(M), K: int(K), quads: int(quads), columns: int(columns), numFactors: int(numFactors(M)) },
    wgsl: /* wgsl */ `
${hasSubgroups ? ENABLE_SUBGROUPS : ''}
var<workgroup> greatest: atomic<u32>;

fn valuesAt(m: i32, quad: i32) -> vec4<f32> {
  var values = vec4<f32>(0.0);
  ${load}
  return values;
}

fn main() {
  let place = i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x);
  let m = min(place, uniforms.M - 1);
  var own = vec4<u32>();
  for (var quad = i32(localIndex); quad < uniforms.quads; quad += ${THREADS}) {
    own = max(own, bitcast<vec4<u32>>(valuesAt(m, quad)) & vec4<u32>(0x7fffffffu));
  }
  let most = max(max(own.x, own.y), max(own.z, own.w));
  ${
    hasSubgroups
      ? /* wgsl */ `let mostOfAll = subgroupMax(most);
  if (subgroupElect()) { atomicMax(&greatest, mostOfAll); }`
      : 'atomicMax(&greatest, most);'
  }
  workgroupBarrier();
  if (place >= uniforms.M) { return; }
  let high = atomicLoad(&greatest);
  ${
    to === 'f16'
      ? /* wgsl */ `
  // 2^(e − 10) of a greatest in [2^e, 2^(e + 1)), and its inverse; the exponent is kept where both are normal.
  let exponent = clamp(high >> 23u, 24u, 254u);
  let factor = bitcast<f32>((exponent - 10u) << 23u);
  let slope = bitcast<f32>((264u - exponent) << 23u);`
      : /* wgsl */ `
  let limit = max(bitcast<f32>(high), 1e-30);
  let factor = limit / 127.0;`
  }
  if (localIndex == 0u) { result[m] = select(bitcast<i32>(factor), 0x7fc00000, high >= 0x7f800000u); }
  let start = uniforms.numFactors + m * uniforms.quads * ${to === 'f16' ? 2 : 1};
  for (var quad = i32(localIndex); quad < uniforms.quads; quad += ${THREADS}) {
    let values = valuesAt(m, quad) ${to === 'f16' ? '* slope' : '/ limit'};
    ${write}
  }
}`,
  });
}
