import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { float, int, type KernelInput, runKernel } from './runKernel.js';
import { tileChoice } from './tileChoice.js';
import { lines } from './wgslLines.js';

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
  /** Default: what suits the device. */
  readonly shares?: KeyShares;
}

/** How the keys of a query are shared out. */
export interface KeyShares {
  /** Threads of a query, each with keys of its own. */
  readonly parts: 1 | 4;
  /** Keys of a thread at once: sums that do not wait for each other. */
  readonly keysAtOnce: 1 | 4;
}

/** A batch of one has too few queries to keep a GPU busy with a thread each. */
export const sharesOfGpu: KeyShares = { parts: 4, keysAtOnce: 4 };
/** A processor's threads are busy with one, and its compiler is for many times as long with more. */
const sharesOfProcessor: KeyShares = { parts: 1, keysAtOnce: 1 };

/** Queries of a workgroup. */
const QUERIES = 64;
/** Keys and values at a time in workgroup memory, which has 16 KiB everywhere. */
const KEYS = 16;
/** Beyond, a thread's query and sum no longer fit its registers. */
export const MAX_HEAD_DIM = 128;

/**
 * softmax(q·kᵀ·scale + bias)·v per head, without the scores ever being in memory: the running maximum and sum of Milakov and
 * Gimelshein 2018 (arXiv 1805.02867), as in FlashAttention (Dao et al. 2022, arXiv 2205.14135). Masked keys are skipped; where
 * all are, the result is zero. The threads of a query sum over keys of their own and then over their sums, always in the same order.
 *
 * Bindings: result f32 [B, S, N·K], q, k, v, then keyMask and bias if given. Dispatch ⌈S/64⌉ × N × B. Where 4 divides the head
 * dim, strides and offsets, memory is read by fours.
 */
export function flashAttention({ sizes, q, k, v, scale, keyMask, bias, shares }: FlashAttentionCall): Tensor {
  const { parts, keysAtOnce } = shares ?? (tileChoice().traits.isSoftware ? sharesOfProcessor : sharesOfGpu);
  const { B, S, T, numHeads, headDim } = sizes;
  const isVector = [headDim, ...[q, k, v].flatMap(({ stride, offset }) => [stride, offset])].every((n) => n % 4 === 0);
  const components = isVector ? 4 : 1;
  const fours = Math.ceil(headDim / 4);
  const rows = (tensor: TensorInfo): KernelInput => ({ tensor, components });
  const biasShape = bias ? [...Array<number>(4 - bias.shape.length).fill(1), ...bias.shape] : [1, 1, 1, 1];
  const [biasB, biasN, biasS, biasT] = biasShape.map((side, axis) =>
    side === 1 ? 0 : biasShape.slice(axis + 1).reduce((product, other) => product * other, 1),
  ) as [number, number, number, number];
  // One tensor may be bound as several inputs: all are read only.
  return runKernel({
    key: ['museAttention', parts, keysAtOnce, headDim, components, keyMask ? 'mask' : '', bias ? 'bias' : ''].join('_'),
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
    workgroupSize: [QUERIES * parts, 1, 1],
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
      mainWgsl({
        headDim,
        fours,
        parts,
        keysAtOnce,
        isVector,
        hasMask: keyMask !== undefined,
        hasBias: bias !== undefined,
      }),
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

interface MainOptions extends KeyShares {
  readonly headDim: number;
  readonly fours: number;
  readonly isVector: boolean;
  readonly hasMask: boolean;
  readonly hasBias: boolean;
}

function mainWgsl({ headDim, fours, parts, keysAtOnce, isVector, hasMask, hasBias }: MainOptions): string {
  const threads = QUERIES * parts;
  const sumOfKeys = (term: (j: number) => string) => Array.from({ length: keysAtOnce }, (_, j) => term(j)).join(' + ');
  const biasAt = (j: number) =>
    `bias[image * uniforms.biasB + head * uniforms.biasN + min(s, uniforms.S - 1) * uniforms.biasS + min(t + ${j}, uniforms.T - 1) * uniforms.biasT]`;
  const write = isVector
    ? 'result[start / 4 + c] = mixed;'
    : `for (var i = 0; i < 4; i++) {
      if (c * 4 + i < ${headDim}) { result[start + c * 4 + i] = mixed[i]; }
    }`;
  return /* wgsl */ `
const LOWEST = -3.0e38;
// Keys, then values; at last what the threads of a query have summed.
var<workgroup> tile: array<vec4<f32>, ${Math.max(2 * KEYS * fours, parts > 1 ? parts * threads : 0)}>;

// Keys past the end are left out, and those that are masked.
fn isUsed(image: i32, t: i32) -> bool {
  return t < uniforms.T${hasMask ? ' && f32(keyMask[image * uniforms.T + min(t, uniforms.T - 1)]) != 0.0' : ''};
}

fn main() {
  let image = i32(workgroupId.z);
  let head = i32(workgroupId.y);
  let place = i32(localIndex) % ${QUERIES};
  let part = i32(localIndex) / ${QUERIES};
  let s = i32(workgroupId.x) * ${QUERIES} + place;
  let isInside = s < uniforms.S;
  var query = array<vec4<f32>, ${fours}>();
  var sums = array<vec4<f32>, ${fours}>();
  if (isInside) {
    for (var c = 0; c < ${fours}; c++) { query[c] = loadQ(image * uniforms.S + s, head, c) * uniforms.scale; }
  }
  var highest = LOWEST;
  var total = 0.0;
  for (var first = 0; first < uniforms.T; first += ${KEYS}) {
    for (var j = i32(localIndex); j < ${KEYS * fours}; j += ${threads}) {
      let t = first + j / ${fours};
      var key = vec4<f32>();
      var value = vec4<f32>();
      if (isUsed(image, t)) {
        key = loadK(image * uniforms.T + t, head, j % ${fours});
        value = loadV(image * uniforms.T + t, head, j % ${fours});
      }
      tile[j] = key;
      tile[${KEYS * fours} + j] = value;
    }
    workgroupBarrier();
    for (var own = ${parts > 1 ? `part * ${keysAtOnce}` : '0'}; own < min(${KEYS}, uniforms.T - first); own += ${keysAtOnce * parts}) {
      let t = first + own;
      ${lines(keysAtOnce, (j) => `var score${j} = 0.0;`)}
      for (var c = 0; c < ${fours}; c++) {
        ${lines(keysAtOnce, (j) => `score${j} += dot(query[c], tile[(own + ${j}) * ${fours} + c]);`)}
      }
      ${hasBias ? lines(keysAtOnce, (j) => `score${j} += ${biasAt(j)};`) : ''}
      ${lines(keysAtOnce, (j) => `let isUsed${j} = isUsed(image, t + ${j});`)}
      let before = highest;
      ${lines(keysAtOnce, (j) => `highest = max(highest, select(LOWEST, score${j}, isUsed${j}));`)}
      let shrink = exp(before - highest);
      ${lines(keysAtOnce, (j) => `let weight${j} = select(0.0, exp(score${j} - highest), isUsed${j});`)}
      total = total * shrink + (${sumOfKeys((j) => `weight${j}`)});
      for (var c = 0; c < ${fours}; c++) {
        sums[c] = sums[c] * shrink + (${sumOfKeys((j) => `weight${j} * tile[(${KEYS} + own + ${j}) * ${fours} + c]`)});
      }
    }
    workgroupBarrier();
  }
  let start = (image * uniforms.S + s) * uniforms.width + head * ${headDim};
  ${parts > 1 ? joinParts(fours, parts, write) : writeAlone(fours, write)}
}`;
}

function writeAlone(fours: number, write: string): string {
  return /* wgsl */ `
  if (!isInside) { return; }
  let share = select(0.0, 1.0 / total, total > 0.0);
  for (var c = 0; c < ${fours}; c++) {
    let mixed = sums[c] * share;
    ${write}
  }`;
}

/** The sums of a query's threads, in the order of its parts; each thread adds up other numbers of the head. */
function joinParts(fours: number, parts: number, write: string): string {
  const threads = QUERIES * parts;
  const all = Array.from({ length: parts }, (_, part) => `tile[${part * QUERIES} + place]`);
  return /* wgsl */ `
  tile[localIndex] = vec4<f32>(highest, total, 0.0, 0.0);
  workgroupBarrier();
  let greatest = ${all.map((at) => `${at}.x`).reduce((a, b) => `max(${a}, ${b})`)};
  let whole = ${all.map((at) => `${at}.y * exp(${at}.x - greatest)`).join(' + ')};
  let share = select(0.0, exp(highest - greatest) / whole, whole > 0.0);
  ${lines(Math.ceil(fours / parts), (round) => {
    const own = Array.from({ length: parts }, (_, i) => round * parts + i).filter((c) => c < fours);
    return `
  workgroupBarrier();
  ${own.map((c, i) => `tile[${i * threads} + i32(localIndex)] = sums[${c}] * share;`).join('\n  ')}
  workgroupBarrier();
  {
    let c = ${round * parts} + part;
    if (isInside && c < ${fours}) {
      let at = part * ${threads} + place;
      let mixed = ${all.map((_, other) => `tile[at + ${other * QUERIES}]`).join(' + ')};
      ${write}
    }
  }`;
  })}`;
}
