import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { int, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/**
 * Positions in the order in which networks are asked for them: those that hold the mask token, then the others, each kind as it
 * stands in the grid. A thread a position; each counts what comes before its own, S reads: a grid has at most thousands.
 *
 * Bindings: result i32 [B, count], tokenIds i32 [B, S]. Dispatch ⌈S/64⌉ × B.
 */
export function maskedPositions(tokenIds: TensorInfo, maskTokenId: number, count: number): Tensor {
  const [B, S] = tokenIds.shape as [number, number];
  return runKernel({
    key: 'museMaskedPositions',
    inputs: { tokenIds: { tensor: tokenIds, components: 1 } },
    outputShape: [B, count],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [Math.ceil(S / THREADS), B, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { S: int(S), count: int(count), maskTokenId: int(maskTokenId) },
    wgsl: /* wgsl */ `
fn main() {
  let own = i32(workgroupId.x) * ${THREADS} + i32(localIndex);
  if (own >= uniforms.S) { return; }
  let row = i32(workgroupId.y);
  var before = 0;
  var all = 0;
  for (var s = 0; s < uniforms.S; s++) {
    if (tokenIds[row * uniforms.S + s] == uniforms.maskTokenId) {
      all += 1;
      if (s < own) { before += 1; }
    }
  }
  let isMasked = tokenIds[row * uniforms.S + own] == uniforms.maskTokenId;
  let slot = select(all + own - before, before, isMasked);
  if (slot < uniforms.count) { result[row * uniforms.count + slot] = own; }
}`,
  });
}

export interface DecideInputs {
  /** f32 [3, B, S] */
  readonly state: TensorInfo;
  /** f32 [B, M, 2] */
  readonly drawn: TensorInfo;
  /** f32 [B, S] */
  readonly noise: TensorInfo;
  /** f32 [B, 3] */
  readonly choice: TensorInfo;
}

/**
 * Candidates of the masked positions, and which of them stay: a position whose score fewer than `numDecided` others exceed. A
 * thread a position, which goes through all others, as there are too few for a sort.
 *
 * Bindings: result f32 [3, B, S], then as in `DecideInputs`. Dispatch ⌈S/64⌉ × B.
 */
export function decideTokens({ state, drawn, noise, choice }: DecideInputs, maskTokenId: number): Tensor {
  const [, B, S] = state.shape as [number, number, number];
  const input = (tensor: TensorInfo) => ({ tensor, components: 1 }) as const;
  return runKernel({
    key: 'museDecideTokens',
    inputs: { state: input(state), drawn: input(drawn), noise: input(noise), choice: input(choice) },
    outputShape: [3, B, S],
    outputComponents: 1,
    workgroups: [Math.ceil(S / THREADS), B, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { B: int(B), S: int(S), M: int(drawn.shape[1]!), maskTokenId: int(maskTokenId) },
    wgsl: /* wgsl */ `
fn isMasked(at: i32) -> bool { return i32(state[at]) == uniforms.maskTokenId; }

// Place in \`drawn\` of the masked position that so many others come before.
fn drawnAt(row: i32, before: i32) -> i32 { return 2 * (row * uniforms.M + min(before, uniforms.M - 1)); }

fn scoreOf(at: i32, row: i32, before: i32) -> f32 {
  return drawn[drawnAt(row, before) + 1] * choice[3 * row] + noise[at];
}

fn main() {
  let own = i32(workgroupId.x) * ${THREADS} + i32(localIndex);
  if (own >= uniforms.S) { return; }
  let row = i32(workgroupId.y);
  let first = row * uniforms.S;
  let at = first + own;
  let plane = uniforms.B * uniforms.S;
  if (!isMasked(at)) {
    for (var part = 0; part < 3; part++) { result[part * plane + at] = state[part * plane + at]; }
    return;
  }
  var before = 0;
  for (var s = 0; s < own; s++) {
    if (isMasked(first + s)) { before += 1; }
  }
  let score = scoreOf(at, row, before);
  var index = 0;
  var numBetter = 0;
  for (var s = 0; s < uniforms.S; s++) {
    if (isMasked(first + s)) {
      let other = scoreOf(first + s, row, index);
      if (other > score || (other == score && s < own)) { numBetter += 1; }
      index += 1;
    }
  }
  let candidate = select(drawn[drawnAt(row, before)], -1.0, state[plane + at] < 0.0);
  let isDecided = f32(numBetter) < choice[3 * row + 1];
  result[at] = select(state[at], candidate, isDecided);
  result[plane + at] = candidate;
  result[2 * plane + at] = drawn[drawnAt(row, before) + 1];
}`,
  });
}
