import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { int, MAX_WORKGROUPS, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/**
 * A token of each position from guided logits: guidance, softmax and the draw in one pass over the logits, which stay on the
 * device. A thread has a 64th of the codes, one after another: the thread in whose share the draw falls looks for it there.
 *
 * Bindings: result f32 [S, 2] (token, log-probability), logits f32 [1 or 2, S, V], draws f32 [S], settings f32 [2]. Dispatch: a
 * workgroup a position; one whose draw is below 0 is left out and gets zeros. −1 as a token: the logits make no distribution.
 */
export function sampleTokens(logits: TensorInfo, draws: TensorInfo, settings: TensorInfo): Tensor {
  const [rows, S, V] = logits.shape as [number, number, number];
  const input = (tensor: TensorInfo) => ({ tensor, components: 1 }) as const;
  const columns = Math.min(S, MAX_WORKGROUPS);
  return runKernel({
    key: `museSampleTokens_${rows}`,
    inputs: { logits: input(logits), draws: input(draws), settings: input(settings) },
    outputShape: [S, 2],
    outputComponents: 1,
    workgroups: [columns, Math.ceil(S / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { S: int(S), V: int(V), columns: int(columns), share: int(Math.ceil(V / THREADS)) },
    wgsl: /* wgsl */ `
const LOWEST = -3.0e38;

var<workgroup> highs: array<f32, ${THREADS}>;
var<workgroup> highCodes: array<i32, ${THREADS}>;
var<workgroup> sums: array<f32, ${THREADS}>;
var<workgroup> weights: array<f32, ${THREADS}>;
var<workgroup> faults: array<i32, ${THREADS}>;

fn isInfinite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7fffffffu) == 0x7f800000u; }

// A code that the condition rules out, at minus infinity, stays so.
fn guided(s: i32, v: i32) -> f32 {
  let c = logits[s * uniforms.V + v];
  if (bitcast<u32>(c) == 0xff800000u) { return LOWEST; }
  ${rows === 2 ? 'return c + settings[0] * (c - logits[(uniforms.S + s) * uniforms.V + v]);' : 'return c;'}
}

fn main() {
  let place = i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x);
  let s = min(place, uniforms.S - 1);
  let thread = i32(localIndex);
  let first = thread * uniforms.share;
  let end = min(first + uniforms.share, uniforms.V);
  let temperature = settings[1];

  var high = LOWEST;
  var highCode = first;
  var fault = 0;
  for (var v = first; v < end; v++) {
    let value = guided(s, v);
    if (isnan(value) || isInfinite(value)) { fault = 1; }
    if (value > high) { high = value; highCode = v; }
  }
  highs[thread] = high;
  highCodes[thread] = highCode;
  faults[thread] = fault;
  workgroupBarrier();
  for (var i = 0; i < ${THREADS}; i++) {
    fault = max(fault, faults[i]);
    if (highs[i] > high || (highs[i] == high && highCodes[i] < highCode)) { high = highs[i]; highCode = highCodes[i]; }
  }

  var sum = 0.0;
  var weight = 0.0;
  for (var v = first; v < end; v++) {
    let below = guided(s, v) - high;
    sum += exp(below);
    if (temperature > 0.0) { weight += exp(below / temperature); }
  }
  sums[thread] = sum;
  weights[thread] = weight;
  workgroupBarrier();
  var total = 0.0;
  var totalWeight = 0.0;
  for (var i = 0; i < ${THREADS}; i++) { total += sums[i]; totalWeight += weights[i]; }

  if (place >= uniforms.S) { return; }
  if (draws[s] < 0.0 || fault == 1 || high <= LOWEST) {
    if (thread == 0) {
      result[2 * s] = select(-1.0, 0.0, draws[s] < 0.0);
      result[2 * s + 1] = 0.0;
    }
    return;
  }
  if (temperature <= 0.0) {
    if (thread == 0) { result[2 * s] = f32(highCode); result[2 * s + 1] = -log(total); }
    return;
  }
  // Whose share the draw falls into; of the last with any weight, if rounding leads past all.
  let target_ = draws[s] * totalWeight;
  var cumulative = 0.0;
  var owner = 0;
  for (var i = 0; i < ${THREADS}; i++) {
    if (weights[i] > 0.0) {
      owner = i;
      if (cumulative + weights[i] > target_) { break; }
      cumulative += weights[i];
    }
  }
  if (thread != owner) { return; }
  // As if of the shares before only their sum were known; past the end of its own share the last with any weight is taken.
  var before = 0.0;
  for (var i = 0; i < owner; i++) { before += weights[i]; }
  var code = first;
  for (var v = first; v < end; v++) {
    let step = exp((guided(s, v) - high) / temperature);
    if (step > 0.0) {
      code = v;
      before += step;
      if (before > target_) { break; }
    }
  }
  result[2 * s] = f32(code);
  result[2 * s + 1] = guided(s, code) - high - log(total);
}`,
  });
}
