import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { int, MAX_WORKGROUPS, runKernel } from './runKernel.js';

const THREADS = 64;

/**
 * argmin over codes of ‖c‖² − 2·x·c, the first of equals, without the distances ever being in memory.
 *
 * Bindings: result i32 [M], x f32 [M, E], codebook f32 [V, E]. Dispatch: a workgroup a row, a thread every 64th code.
 */
export function nearestCode(x: TensorInfo, codebook: TensorInfo): Tensor {
  const [M, E] = x.shape as [number, number];
  const V = codebook.shape[0]!;
  const columns = Math.min(M, MAX_WORKGROUPS);
  const components = E % 4 === 0 ? 4 : 1;
  return runKernel({
    key: `museNearestCode_${components}`,
    inputs: { x: { tensor: x, components }, codebook: { tensor: codebook, components } },
    outputShape: [M],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [columns, Math.ceil(M / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { M: int(M), V: int(V), E: int(E / components), columns: int(columns) },
    wgsl: /* wgsl */ `
var<workgroup> distances: array<f32, ${THREADS}>;
var<workgroup> codes: array<i32, ${THREADS}>;

fn main() {
  let m = i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x);
  let row = select(0, m, m < uniforms.M) * uniforms.E;
  var least = 3.4e38;
  var code = i32(localIndex);
  for (var v = i32(localIndex); v < uniforms.V; v += ${THREADS}) {
    var distance = 0.0;
    for (var e = 0; e < uniforms.E; e++) {
      let c = codebook[v * uniforms.E + e];
      distance += ${components === 4 ? 'dot(c, c - 2.0 * x[row + e])' : 'c * (c - 2.0 * x[row + e])'};
    }
    if (distance < least) { least = distance; code = v; }
  }
  distances[localIndex] = least;
  codes[localIndex] = code;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half = half / 2u) {
    if (localIndex < half) {
      let other = distances[localIndex + half];
      let otherCode = codes[localIndex + half];
      let own = distances[localIndex];
      if (other < own || (other == own && otherCode < codes[localIndex])) {
        distances[localIndex] = other;
        codes[localIndex] = otherCode;
      }
    }
    workgroupBarrier();
  }
  if (localIndex == 0u && m < uniforms.M) { result[m] = codes[0]; }
}`,
  });
}
