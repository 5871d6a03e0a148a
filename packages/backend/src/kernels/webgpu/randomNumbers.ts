import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { int, type KernelInput, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/**
 * `fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32>`: Philox4x32-10, the block of `philox4x32` of the host (Salmon et al. 2011).
 * WGSL has no product of 64 bits: its high half is summed from products of 16 bits.
 */
export const PHILOX = /* wgsl */ `
fn highHalf(a: u32, b: u32) -> u32 {
  let low = vec2<u32>(a & 0xffffu, b & 0xffffu);
  let high = vec2<u32>(a >> 16u, b >> 16u);
  let middle = high.x * low.y + ((low.x * low.y) >> 16u);
  let carry = (middle & 0xffffu) + low.x * high.y;
  return high.x * high.y + (middle >> 16u) + (carry >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    let first = 0xd2511f53u;
    let second = 0xcd9e8d57u;
    c = vec4<u32>(highHalf(second, c.z) ^ c.y ^ k.x, second * c.z, highHalf(first, c.x) ^ c.w ^ k.y, first * c.x);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

/**
 * `fn uniformOf(word: u32) -> f32`: (word + ½) / 2³², the nearest f32, of two the even one. The bits are rounded as integers, for WGSL leaves
 * to the device which way a conversion rounds.
 */
export const UNIFORM = /* wgsl */ `
fn uniformOf(word: u32) -> f32 {
  if (word < 0x800000u) { return f32(2u * word + 1u) * 0x1p-33f; }
  let shift = 8u - countLeadingZeros(word); // bits beyond the 24 of an f32
  var kept = word + (word & 1u);
  if (shift > 0u) { kept = (word >> shift) + ((word >> (shift - 1u)) & 1u); }
  return f32(kept) * bitcast<f32>((95u + shift) << 23u);
}`;

/**
 * `fn gumbelOf(word: u32) -> f32`: −log(−log u), u = (word + ½) / 2³². Above ½ most digits of 1 − u are none of u at f32; there −log u is
 * 2·artanh((1 − u) / (1 + u)) by its series. Off by 10⁻⁶, as far as WGSL's logarithm is as exact as it must.
 */
export const GUMBEL = /* wgsl */ `
fn gumbelOf(word: u32) -> f32 {
  if (word < 0x80000000u) { return -log(-log(uniformOf(word))); }
  let rest = uniformOf(~word); // 1 − u
  let r = rest / (2.0 - rest); // at most a third
  let s = r * r;
  let series = 1.0 + s * (${1 / 3} + s * (0.2 + s * (${1 / 7} + s * (${1 / 9} + s * (${1 / 11} + s * (${1 / 13} + s * ${1 / 15}))))));
  return -log(2.0 * r * series);
}`;

/**
 * Uniform numbers of streams, to the bit those of the host's `uniform` at f32.
 *
 * Bindings: result f32 [R, length], streams i32 [R, 4] (`streamWords`). Dispatch ⌈length/256⌉ × R: a thread makes a block of four.
 */
export function uniformNumbers(streams: TensorInfo, length: number): Tensor {
  return randomNumbers('museUniformNumbers', { streams, length, wgsl: UNIFORM, numberAt: 'uniformOf(word)' });
}

export interface NoiseInputs {
  /** i32 [B, 4] */
  readonly streams: TensorInfo;
  /** f32 [S] */
  readonly baseScores: TensorInfo;
  /** f32 [B, 3] */
  readonly choice: TensorInfo;
}

/**
 * What is added to the log-probabilities of positions to make their scores: base + temperature · Gumbel noise.
 *
 * Bindings: result f32 [B, S], then as in `NoiseInputs`. Dispatch as `uniformNumbers`.
 */
export function choiceNoise({ streams, baseScores, choice }: NoiseInputs): Tensor {
  return randomNumbers('museChoiceNoise', {
    streams,
    length: baseScores.shape[0]!,
    more: { baseScores: { tensor: baseScores, components: 1 }, choice: { tensor: choice, components: 1 } },
    wgsl: UNIFORM + GUMBEL,
    numberAt: 'baseScores[position] + choice[3 * row + 2] * gumbelOf(word)',
  });
}

interface Numbers {
  readonly streams: TensorInfo;
  readonly length: number;
  readonly more?: Readonly<Record<string, KernelInput>>;
  readonly wgsl: string;
  /** Of `word`, `row` and `position`. */
  readonly numberAt: string;
}

function randomNumbers(key: string, { streams, length, more, wgsl, numberAt }: Numbers): Tensor {
  const R = streams.shape[0]!;
  return runKernel({
    key,
    inputs: { streams: { tensor: streams, components: 4 }, ...more },
    outputShape: [R, length],
    outputComponents: 1,
    workgroups: [Math.ceil(length / (4 * THREADS)), R, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { count: int(length) },
    wgsl: /* wgsl */ `
${PHILOX}
${wgsl}
fn main() {
  let block = i32(workgroupId.x) * ${THREADS} + i32(localIndex);
  let row = i32(workgroupId.y);
  let stream = bitcast<vec4<u32>>(streams[row]); // seed, its high half, stage, step
  let words = philox(vec4<u32>(u32(block), stream.w, stream.z, 0u), stream.xy);
  for (var i = 0; i < 4; i++) {
    let position = 4 * block + i;
    if (position >= uniforms.count) { return; }
    let word = words[i];
    result[row * uniforms.count + position] = ${numberAt};
  }
}`,
  });
}
