import * as tf from '@tensorflow/tfjs';
import { float, int, runKernel } from './runKernel.js';
import { SUM_OF_ALL, THREADS } from './sumOfAll.js';

export interface ImageSizes {
  readonly B: number;
  /** H·W */
  readonly numPixels: number;
  readonly C: number;
}

/** Pixels of a workgroup of the first pass. */
const CHUNK = 128;

/**
 * What a group norm does to each channel, f32 [B, 2, C]: y = x·slope + offset, slopes first.
 *
 * Two dispatches. The first reads the image once, row by row of memory, and leaves mean and sum of squared deviations of
 * each channel in each chunk of 128 pixels, f32 [B, chunks, 2, C]. The second puts those of a group together (Chan et al.
 * 1979): sums of deviations lose no digits where the mean is far from zero.
 *
 * @param x f32 [B, H, W, C] @param weight f32 [C] @param bias f32 [C]
 */
export function groupNormSlopes(
  x: tf.TensorInfo,
  { B, numPixels, C }: ImageSizes,
  norm: {
    readonly weight: tf.TensorInfo;
    readonly bias: tf.TensorInfo;
    readonly numGroups: number;
    readonly epsilon: number;
  },
): tf.Tensor {
  const numChunks = Math.ceil(numPixels / CHUNK);
  const width = C / norm.numGroups;
  const input = (tensor: tf.TensorInfo) => ({ tensor, components: 1 }) as const;
  return tf.tidy(() => {
    const moments = runKernel({
      key: 'museChannelMoments',
      inputs: { x: input(x) },
      outputShape: [B, numChunks, 2, C],
      outputComponents: 1,
      workgroups: [numChunks, Math.ceil(C / THREADS), B],
      workgroupSize: [THREADS, 1, 1],
      uniforms: { numPixels: int(numPixels), C: int(C), numChunks: int(numChunks) },
      wgsl: CHANNEL_MOMENTS,
    });
    return runKernel({
      key: 'museGroupSlopes',
      inputs: { moments: input(moments), weight: input(norm.weight), bias: input(norm.bias) },
      outputShape: [B, 2, C],
      outputComponents: 1,
      workgroups: [norm.numGroups, B, 1],
      workgroupSize: [THREADS, 1, 1],
      uniforms: {
        numPixels: int(numPixels),
        C: int(C),
        width: int(width),
        numChunks: int(numChunks),
        epsilon: float(norm.epsilon),
      },
      wgsl: GROUP_SLOPES,
    });
  });
}

/** x·slope + offset. @param slopes of `groupNormSlopes` @returns f32 [B·H·W, C] */
export function applySlopes(x: tf.TensorInfo, slopes: tf.TensorInfo, { B, numPixels, C }: ImageSizes): tf.Tensor {
  const components = C % 4 === 0 ? 4 : 1;
  const size = (B * numPixels * C) / components;
  const columns = Math.min(Math.ceil(size / THREADS), 32_768);
  return runKernel({
    key: `museApplySlopes_${components}`,
    inputs: { x: { tensor: x, components }, slopes: { tensor: slopes, components } },
    outputShape: [B * numPixels, C],
    outputComponents: components,
    workgroups: [columns, Math.ceil(size / THREADS / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns), numPixels: int(numPixels), width: int(C / components) },
    wgsl: APPLY_SLOPES,
  });
}

const CHANNEL_MOMENTS = /* wgsl */ `
fn main() {
  let c = i32(workgroupId.y) * ${THREADS} + i32(localIndex);
  if (c >= uniforms.C) { return; }
  let image = i32(workgroupId.z);
  let chunk = i32(workgroupId.x);
  let count = min(${CHUNK}, uniforms.numPixels - chunk * ${CHUNK});
  let start = (image * uniforms.numPixels + chunk * ${CHUNK}) * uniforms.C + c;
  var sum = 0.0;
  for (var i = 0; i < count; i++) { sum += x[start + i * uniforms.C]; }
  let mean = sum / f32(count);
  var deviations = 0.0;
  for (var i = 0; i < count; i++) {
    let centred = x[start + i * uniforms.C] - mean;
    deviations += centred * centred;
  }
  let to = (image * uniforms.numChunks + chunk) * 2 * uniforms.C + c;
  result[to] = mean;
  result[to + uniforms.C] = deviations;
}`;

const GROUP_SLOPES = /* wgsl */ `
${SUM_OF_ALL}
fn main() {
  let image = i32(workgroupId.y);
  let firstChannel = i32(workgroupId.x) * uniforms.width;
  let numParts = uniforms.numChunks * uniforms.width;
  let size = f32(uniforms.numPixels * uniforms.width);
  var sum = 0.0;
  for (var i = i32(localIndex); i < numParts; i += ${THREADS}) {
    let chunk = i / uniforms.width;
    let count = f32(min(${CHUNK}, uniforms.numPixels - chunk * ${CHUNK}));
    sum += count * moments[(image * uniforms.numChunks + chunk) * 2 * uniforms.C + firstChannel + i % uniforms.width];
  }
  let mean = sumOfAll(sum) / size;
  var deviations = 0.0;
  for (var i = i32(localIndex); i < numParts; i += ${THREADS}) {
    let chunk = i / uniforms.width;
    let count = f32(min(${CHUNK}, uniforms.numPixels - chunk * ${CHUNK}));
    let at = (image * uniforms.numChunks + chunk) * 2 * uniforms.C + firstChannel + i % uniforms.width;
    let apart = moments[at] - mean;
    deviations += moments[at + uniforms.C] + count * apart * apart;
  }
  let scale = inverseSqrt(sumOfAll(deviations) / size + uniforms.epsilon);
  for (var i = i32(localIndex); i < uniforms.width; i += ${THREADS}) {
    let c = firstChannel + i;
    let slope = scale * weight[c];
    result[image * 2 * uniforms.C + c] = slope;
    result[(image * 2 + 1) * uniforms.C + c] = bias[c] - mean * slope;
  }
}`;

const APPLY_SLOPES = /* wgsl */ `
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  let c = i % uniforms.width;
  let at = i / uniforms.width / uniforms.numPixels * 2 * uniforms.width + c;
  result[i] = x[i] * slopes[at] + slopes[at + uniforms.width];
}`;
