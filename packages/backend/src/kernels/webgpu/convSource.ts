import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { activationWgsl } from './activationWgsl.js';
import type { GemmSource } from './gemm.js';
import { int, type KernelUniform, runKernel } from './runKernel.js';

export interface ConvSizes {
  /** Of the input. */
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly outH: number;
  readonly outW: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/**
 * The patches of an image as rows, made as they are read (implicit GEMM): row (b, y, x), columns (row and column of the
 * filter, channel), which is how the filter [kh, kw, I, O] lies in memory.
 *
 * @param x f32 [B, H, W, C]
 * @param slopes of `groupNormSlopes`, f32 [B, 2, C]: pixels are normed and go through SiLU as they are read
 */
export function convSource(x: TensorInfo, sizes: ConvSizes, slopes?: TensorInfo): GemmSource {
  const components = sizes.C % 4 === 0 ? 4 : 1;
  const type = components === 4 ? 'vec4<f32>' : 'f32';
  const uniforms = Object.fromEntries(Object.entries(sizes).map(([name, value]) => [name, int(value)])) as Record<
    string,
    KernelUniform
  >;
  return {
    key: `conv${components}${slopes ? 'NormSilu' : ''}`,
    inputs: {
      x: { tensor: x, components },
      ...(slopes && { slopes: { tensor: slopes, components } }),
    },
    uniforms,
    wgsl: [
      slopes ? activationWgsl('silu', type).replace('fn activate', 'fn silu') : '',
      /* wgsl */ `
fn pixelAt(m: i32, k: i32) -> ${type} {
  let column = m % uniforms.outW;
  let row = m / uniforms.outW % uniforms.outH;
  let image = m / (uniforms.outW * uniforms.outH);
  let tap = k / uniforms.C;
  let y = row * uniforms.stride + tap / uniforms.kernelWidth - uniforms.padTop;
  let x0 = column * uniforms.stride + tap % uniforms.kernelWidth - uniforms.padLeft;
  if (y < 0 || y >= uniforms.H || x0 < 0 || x0 >= uniforms.W) { return ${type}(0.0); }
  let c = k % uniforms.C;
  let value = x[(((image * uniforms.H + y) * uniforms.W + x0) * uniforms.C + c) / ${components}];
  ${
    slopes
      ? `let at = (image * 2 * uniforms.C + c) / ${components};
  return silu(value * slopes[at] + slopes[at + uniforms.C / ${components}]);`
      : 'return value;'
  }
}`,
      loadRowsWgsl(components),
    ].join('\n'),
  };
}

/**
 * The patches of the four 2 × 2 convolutions that a 3 × 3 convolution of an image of twice the size is, each pixel repeated:
 * the pixels that share a source share a product. Phase 2·(row odd) + (column odd) of the output. Four ninths of the work.
 *
 * @param x f32 [B, H, W, C]
 */
export function upsampleConvSource(x: TensorInfo, { H, W, C }: { H: number; W: number; C: number }): GemmSource {
  const components = C % 4 === 0 ? 4 : 1;
  const type = components === 4 ? 'vec4<f32>' : 'f32';
  return {
    key: `upsample${components}`,
    numPhases: 4,
    inputs: { x: { tensor: x, components } },
    uniforms: { H: int(H), W: int(W), C: int(C) },
    wgsl: /* wgsl */ `
fn pixelAt(m: i32, k: i32) -> ${type} {
  let phase = i32(workgroupId.z);
  let tap = k / uniforms.C;
  let y = m / uniforms.W % uniforms.H + tap / 2 - 1 + phase / 2;
  let x0 = m % uniforms.W + tap % 2 - 1 + phase % 2;
  if (y < 0 || y >= uniforms.H || x0 < 0 || x0 >= uniforms.W) { return ${type}(0.0); }
  let image = m / (uniforms.W * uniforms.H);
  return x[(((image * uniforms.H + y) * uniforms.W + x0) * uniforms.C + k % uniforms.C) / ${components}];
}
fn resultRow(m: i32) -> i32 {
  let phase = i32(workgroupId.z);
  let row = m / uniforms.W * 2 + phase / 2; // images follow each other, rows do too
  return row * 2 * uniforms.W + m % uniforms.W * 2 + phase % 2;
}
${loadRowsWgsl(components)}`,
  };
}

function loadRowsWgsl(components: number): string {
  return components === 4
    ? /* wgsl */ `
fn loadRows(m: i32, k: i32) -> vec4<f32> {
  if (m >= uniforms.M || k >= uniforms.K) { return vec4<f32>(0.0); }
  return pixelAt(m, k);
}`
    : /* wgsl */ `
fn loadRows(m: i32, k: i32) -> vec4<f32> {
  var values = vec4<f32>(0.0);
  if (m >= uniforms.M) { return values; }
  for (var i = 0; i < 4; i++) {
    if (k + i < uniforms.K) { values[i] = pixelAt(m, k + i); }
  }
  return values;
}`;
}

const THREADS = 64;

/**
 * The filters of the four 2 × 2 convolutions, f32 [4 · 4·I, O]: rows and columns of the 3 × 3 filter that fall on one source
 * pixel, added. In an even row these are 0 | 1 + 2, in an odd one 0 + 1 | 2; so for columns.
 *
 * @param weight f32 [3, 3, I, O]
 */
export function upsampleFilters(weight: TensorInfo): Tensor {
  const [, , I, O] = weight.shape as [number, number, number, number];
  const size = 16 * I * O;
  const columns = Math.min(Math.ceil(size / THREADS), 32_768);
  return runKernel({
    key: 'museUpsampleFilters',
    inputs: { weight: { tensor: weight, components: 1 } },
    outputShape: [16 * I, O],
    outputComponents: 1,
    workgroups: [columns, Math.ceil(size / THREADS / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns), part: int(I * O) },
    wgsl: /* wgsl */ `
// Filter rows of a source row (0 above, 1 below) for an output row that is even or odd: from .x, so many as .y.
fn taps(source: i32, odd: i32) -> vec2<i32> {
  if (source == 0) { return vec2<i32>(0, 1 + odd); }
  return vec2<i32>(1 + odd, 2 - odd);
}
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  let tap = i / uniforms.part;
  let rows = taps(tap / 2 % 2, tap / 8);
  let columns = taps(tap % 2, tap / 4 % 2);
  var sum = 0.0;
  for (var y = rows.x; y < rows.x + rows.y; y++) {
    for (var x = columns.x; x < columns.x + columns.y; x++) {
      sum += weight[(y * 3 + x) * uniforms.part + i % uniforms.part];
    }
  }
  result[i] = sum;
}`,
  });
}
