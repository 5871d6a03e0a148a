import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { float, int, type KernelInput, runKernel } from './runKernel.js';

/** A matrix of one row per place, in which the heads of q, k or v start at `offset`. */
export interface AttentionRows {
  /** f32 [B, places, stride] */
  readonly tensor: TensorInfo;
  /** Numbers from a row to the next. */
  readonly stride: number;
  readonly offset: number;
}

export interface FlashAttentionCall {
  readonly sizes: {
    readonly B: number;
    readonly S: number;
    readonly T: number;
    readonly numHeads: number;
    readonly headDim: number;
  };
  readonly q: AttentionRows;
  readonly k: AttentionRows;
  readonly v: AttentionRows;
  readonly scale: number;
  /** f32 [B, T] of 0 and 1. */
  readonly keyMask?: TensorInfo;
  /** f32, each axis of [B, N, S, T] or 1. */
  readonly bias?: TensorInfo;
}

/** Queries of a workgroup, one a thread. */
const QUERIES = 64;
/** Keys and values at a time in workgroup memory, which has 16 KiB everywhere. */
const MAX_KEYS = 16;
const WORKGROUP_BYTES = 16_384;
/** Beyond, a thread's query and sum no longer fit its registers. */
export const MAX_HEAD_DIM = 128;

/**
 * softmax(q·kᵀ·scale + bias)·v per head, without the scores ever being in memory: the running maximum and sum of Milakov and
 * Gimelshein 2018 (arXiv 1805.02867), as in FlashAttention (Dao et al. 2022, arXiv 2205.14135). Masked keys are skipped; where
 * all are, the result is zero.
 *
 * Bindings: result f32 [B, S, N·K], q, k, v, then keyMask and bias if given. Dispatch ⌈S/64⌉ × N × B. Where 4 divides the head
 * dim, strides and offsets, memory is read by fours.
 */
export function flashAttention({ sizes, q, k, v, scale, keyMask, bias }: FlashAttentionCall): Tensor {
  const { B, S, T, numHeads, headDim } = sizes;
  const isVector = [headDim, ...[q, k, v].flatMap(({ stride, offset }) => [stride, offset])].every((n) => n % 4 === 0);
  const components = isVector ? 4 : 1;
  const fours = Math.ceil(headDim / 4);
  const keys = Math.min(MAX_KEYS, Math.floor(WORKGROUP_BYTES / (2 * fours * 16)));
  const rows = (tensor: TensorInfo): KernelInput => ({ tensor, components });
  const biasShape = bias ? [...Array<number>(4 - bias.shape.length).fill(1), ...bias.shape] : [1, 1, 1, 1];
  const [biasB, biasN, biasS, biasT] = biasShape.map((side, axis) =>
    side === 1 ? 0 : biasShape.slice(axis + 1).reduce((product, other) => product * other, 1),
  ) as [number, number, number, number];
  // One tensor may be bound as several inputs: all are read only.
  return runKernel({
    key: ['museAttention', headDim, components, keyMask ? 'mask' : '', bias ? 'bias' : ''].join('_'),
    inputs: {
      q: rows(q.tensor),
      k: rows(k.tensor),
      v: rows(v.tensor),
      ...(keyMask && { keyMask: { tensor: keyMask, components: 1 } }),
      ...(bias && { bias: { tensor: bias, components: 1 } }),
    },
    outputShape: [B, S, numHeads * headDim],
    outputComponents: components,
    workgroups: [Math.ceil(S / QUERIES), numHeads, B],
    workgroupSize: [QUERIES, 1, 1],
    uniforms: {
      S: int(S),
      T: int(T),
      width: int(numHeads * headDim),
      qStride: int(q.stride),
      qOffset: int(q.offset),
      kStride: int(k.stride),
      kOffset: int(k.offset),
      vStride: int(v.stride),
      vOffset: int(v.offset),
      scale: float(scale),
      ...(bias && { biasB: int(biasB), biasN: int(biasN), biasS: int(biasS), biasT: int(biasT) }),
    },
    wgsl: [
      ...(['q', 'k', 'v'] as const).map((name) => loadWgsl(name, headDim, isVector)),
      mainWgsl({ headDim, fours, keys, isVector, hasMask: keyMask !== undefined, hasBias: bias !== undefined }),
    ].join('\n'),
  });
}

/** `fn loadQ(row, head, c)`: four numbers of a head from number 4c on, zeros beyond its end. */
function loadWgsl(name: 'q' | 'k' | 'v', headDim: number, isVector: boolean): string {
  const start = `row * uniforms.${name}Stride + uniforms.${name}Offset + head * ${headDim} + c * 4`;
  const signature = `fn load${name.toUpperCase()}(row: i32, head: i32, c: i32) -> vec4<f32>`;
  if (isVector) return `${signature} { return ${name}[(${start}) / 4]; }`;
  return /* wgsl */ `${signature} {
  let start = ${start};
  var values = vec4<f32>(0.0);
  for (var i = 0; i < 4; i++) {
    if (c * 4 + i < ${headDim}) { values[i] = ${name}[start + i]; }
  }
  return values;
}`;
}

interface MainOptions {
  readonly headDim: number;
  readonly fours: number;
  readonly keys: number;
  readonly isVector: boolean;
  readonly hasMask: boolean;
  readonly hasBias: boolean;
}

function mainWgsl({ headDim, fours, keys, isVector, hasMask, hasBias }: MainOptions): string {
  const biasAt =
    'bias[image * uniforms.biasB + head * uniforms.biasN + s * uniforms.biasS + (first + r) * uniforms.biasT]';
  return /* wgsl */ `
var<workgroup> keyTile: array<vec4<f32>, ${keys * fours}>;
var<workgroup> valueTile: array<vec4<f32>, ${keys * fours}>;

fn main() {
  let image = i32(workgroupId.z);
  let head = i32(workgroupId.y);
  let s = i32(workgroupId.x) * ${QUERIES} + i32(localIndex);
  let isInside = s < uniforms.S;
  var query = array<vec4<f32>, ${fours}>();
  var sums = array<vec4<f32>, ${fours}>();
  if (isInside) {
    for (var c = 0; c < ${fours}; c++) { query[c] = loadQ(image * uniforms.S + s, head, c) * uniforms.scale; }
  }
  var highest = -3.0e38;
  var total = 0.0;
  for (var first = 0; first < uniforms.T; first += ${keys}) {
    for (var j = i32(localIndex); j < ${keys * fours}; j += ${QUERIES}) {
      let t = first + j / ${fours};
      if (t < uniforms.T) {
        keyTile[j] = loadK(image * uniforms.T + t, head, j % ${fours});
        valueTile[j] = loadV(image * uniforms.T + t, head, j % ${fours});
      }
    }
    workgroupBarrier();
    for (var r = 0; r < min(${keys}, uniforms.T - first); r++) {
      ${hasMask ? 'if (f32(keyMask[image * uniforms.T + first + r]) == 0.0) { continue; }' : ''}
      var score = 0.0;
      for (var c = 0; c < ${fours}; c++) { score += dot(query[c], keyTile[r * ${fours} + c]); }
      ${hasBias ? `if (isInside) { score += ${biasAt}; }` : ''}
      let before = highest;
      highest = max(highest, score);
      let shrink = exp(before - highest);
      let weight = exp(score - highest);
      total = total * shrink + weight;
      for (var c = 0; c < ${fours}; c++) { sums[c] = sums[c] * shrink + weight * valueTile[r * ${fours} + c]; }
    }
    workgroupBarrier();
  }
  if (!isInside) { return; }
  let share = select(0.0, 1.0 / total, total > 0.0);
  let start = (image * uniforms.S + s) * uniforms.width + head * ${headDim};
  for (var c = 0; c < ${fours}; c++) {
    let mixed = sums[c] * share;
    ${
      isVector
        ? 'result[start / 4 + c] = mixed;'
        : `for (var i = 0; i < 4; i++) {
      if (c * 4 + i < ${headDim}) { result[start + c * 4 + i] = mixed[i]; }
    }`
    }
  }
}`;
}
