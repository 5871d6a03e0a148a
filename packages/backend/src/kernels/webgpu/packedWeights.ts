import * as tf from '@tensorflow/tfjs';
import { asWeight, checkWeight } from '../packedTensor.js';
import { int, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/**
 * `f16`: two halves a word, half the memory; no feature of the device is needed to read them. `q8`: four integers of 8 bits a
 * word and a factor for each column, a quarter of the memory. Products and sums of both are f32.
 *
 * `w16a16` and `w8a8`: the same bits, multiplied in them, for which `linear` rounds its rows to as many bits first. Halves
 * have a factor for each column then, a power of two, so that no sum leaves their range.
 */
export const gpuDtypes = ['f16', 'q8', 'w16a16', 'w8a8'] as const;
export type GpuDtype = (typeof gpuDtypes)[number];

/** How the words of a packed weight lie in its buffer: factors of the columns, if it has them, before all else. */
export interface PackedFormat {
  /** The buffer is `array<vecN<i32>>` of so many words. */
  readonly components: 1 | 2;
  readonly hasFactors: boolean;
  /** WGSL of the words of four columns. @param quad counts fours in the whole weight @param N its width */
  words(weight: string, quad: string, N: string): string;
  /** WGSL of the factors of columns n … n + 3; `n` divides by 4. */
  factors(weight: string, n: string): string;
  /** WGSL of four numbers from words, factors left out; halves need `WIDEN_HALVES`. */
  widen(words: string): string;
}

export const WIDEN_HALVES = /* wgsl */ `
fn widenHalves(words: vec2<i32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(bitcast<u32>(words.x)), unpack2x16float(bitcast<u32>(words.y)));
}`;

const halves: Omit<PackedFormat, 'hasFactors' | 'words'> = {
  components: 2,
  factors: (weight, n) => `bitcast<vec4<f32>>(vec4<i32>(${weight}[${n} / 2], ${weight}[${n} / 2 + 1]))`,
  widen: (words) => `widenHalves(${words})`,
};
const bytes: PackedFormat = {
  components: 1,
  hasFactors: true,
  words: (weight, quad, N) => `${weight}[${N} + ${quad}]`,
  factors: (weight, n) =>
    `bitcast<vec4<f32>>(vec4<i32>(${[0, 1, 2, 3].map((c) => `${weight}[${n} + ${c}]`).join(', ')}))`,
  widen: (words) => `unpack4x8snorm(bitcast<u32>(${words}))`,
};

export const packedFormats: Readonly<Record<GpuDtype, PackedFormat>> = {
  f16: { ...halves, hasFactors: false, words: (weight, quad) => `${weight}[${quad}]` },
  w16a16: { ...halves, hasFactors: true, words: (weight, quad, N) => `${weight}[${N} / 2 + ${quad}]` },
  q8: bytes,
  w8a8: bytes,
};

/** What lies in the GPU buffers of packed weights. Their tensors say f32 and [..., N], as the models know them. */
const packed = new WeakMap<object, GpuDtype>();

export function packedDtype({ dataId }: tf.TensorInfo): GpuDtype | undefined {
  return packed.get(dataId);
}

/**
 * The weight in fewer bits, for the kernels of this folder only: other ops would misread it.
 *
 * @see Backend.packWeight
 */
export function packWeight(weight: tf.Tensor, dtype: GpuDtype, order?: readonly number[]): tf.Tensor {
  if (order) {
    const ordered = tf.transpose(weight, [...order]);
    try {
      return packWeight(ordered, dtype);
    } finally {
      ordered.dispose();
    }
  }
  checkWeight(weight, weight.shape, packedDtype(weight));
  const N = weight.shape.at(-1)!;
  const words = tf.tidy(() => (dtype === 'f16' ? packHalves(weight) : packByColumns(weight, N, dtype === 'w16a16')));
  packed.set(words.dataId, dtype);
  return asWeight(words, weight.shape);
}

/** The weight as f32 again, for ops without a kernel that reads packed ones; it itself if it is not packed. */
export function unpackWeight<T extends tf.Tensor>(weight: T): T {
  const dtype = packedDtype(weight);
  if (!dtype) return weight;
  const { components, hasFactors, words, factors, widen } = packedFormats[dtype];
  const N = weight.shape.at(-1)!;
  const { columns, rows } = grid(weight.size / 4);
  const made = runKernel({
    key: `museUnpack_${dtype}`,
    inputs: { words: { tensor: weight, components } },
    outputShape: [weight.size],
    outputComponents: 4,
    workgroups: [columns, rows, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(weight.size / 4), columns: int(columns), N: int(N) },
    wgsl: /* wgsl */ `
${components === 2 ? WIDEN_HALVES : ''}
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  let n = i * 4 % uniforms.N;
  result[i] = ${widen(words('words', 'i', 'uniforms.N'))}${hasFactors ? ` * ${factors('words', 'n')}` : ''};
}`,
  });
  return tf.tidy(() => {
    const shaped = tf.reshape(made, weight.shape);
    made.dispose();
    return shaped;
  }) as T;
}

function packHalves(weight: tf.Tensor): tf.Tensor {
  const size = weight.size / 2;
  const { columns, rows } = grid(size);
  return runKernel({
    key: 'musePackHalves',
    inputs: { weight: { tensor: weight, components: 2 } },
    outputShape: [size],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [columns, rows, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns) },
    // Clamped: beyond the halves' range the result of packing is any.
    wgsl: /* wgsl */ `
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i < uniforms.size) {
    result[i] = bitcast<i32>(pack2x16float(clamp(weight[i], vec2<f32>(-65504.0), vec2<f32>(65504.0))));
  }
}`,
  });
}

/**
 * The bits of N factors, then the words, i32 [N + size / 4], of halves [N + size / 2]. Of bytes a factor is the column's greatest
 * absolute value and a byte round(127 · w / factor); of halves it is the power of two above that value, a half w / factor.
 */
function packByColumns(weight: tf.Tensor, N: number, isHalf: boolean): tf.Tensor {
  const K = weight.size / N;
  const size = weight.size / 4;
  const { columns, rows } = grid(size);
  const greatest = tf.max(tf.abs(tf.reshape(weight, [K, N])), 0); // f32 [N]
  const quarters = tf.tidy(() => tf.reshape(weight, [size, 4]));
  const pack = isHalf
    ? /* wgsl */ `
  result[uniforms.N + 2 * i] = bitcast<i32>(pack2x16float(share.xy));
  result[uniforms.N + 2 * i + 1] = bitcast<i32>(pack2x16float(share.zw));`
    : 'result[uniforms.N + i] = bitcast<i32>(pack4x8snorm(share));';
  return runKernel({
    key: `musePackByColumns${isHalf ? 16 : 8}`,
    inputs: { weight: { tensor: quarters, components: 4 }, greatest: { tensor: greatest, components: 1 } },
    outputShape: [N + size * (isHalf ? 2 : 1)],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [columns, rows, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns), N: int(N) },
    wgsl: /* wgsl */ `
// A float's exponent, one more, with no other bits: the power of two above it.
fn above(value: f32) -> f32 { return bitcast<f32>(min((bitcast<u32>(value) >> 23u) + 1u, 254u) << 23u); }
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  let n = i * 4 % uniforms.N;
  let high = vec4<f32>(greatest[n], greatest[n + 1], greatest[n + 2], greatest[n + 3]);
  let scale = ${isHalf ? 'vec4<f32>(above(high.x), above(high.y), above(high.z), above(high.w))' : 'high'};
  let share = select(weight[i] / scale, vec4<f32>(0.0), high == vec4<f32>(0.0));
  ${pack}
  if (i * 4 < uniforms.N) {
    for (var c = 0; c < 4; c++) { result[n + c] = bitcast<i32>(scale[c]); }
  }
}`,
  });
}

function grid(size: number): { columns: number; rows: number } {
  const columns = Math.min(Math.ceil(size / THREADS), 32_768);
  return { columns, rows: Math.ceil(size / THREADS / columns) };
}
