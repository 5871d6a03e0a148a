import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { ShapeError } from '../../errors.js';
import { int, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

/**
 * `f16`: two halves a word, half the memory; no feature of the device is needed to read them. `q8`: four integers of 8 bits a
 * word and a factor for each column, a quarter of the memory.
 */
export type PackedDtype = 'f16' | 'q8';

/** What lies in the GPU buffers of packed weights. Their tensors say f32 and [..., N], as the models know them. */
const packed = new WeakMap<object, PackedDtype>();

export function packedDtype({ dataId }: tf.TensorInfo): PackedDtype | undefined {
  return packed.get(dataId);
}

/**
 * The weight in fewer bits, for the kernels of this folder only: other ops would misread it.
 *
 * @param weight f32 [..., N], N divisible by 4; stays the caller's
 * @throws ShapeError
 */
export function packWeight(weight: tf.Tensor, dtype: PackedDtype): tf.Tensor {
  const N = weight.shape.at(-1) ?? 1;
  if (N % 4 !== 0 || weight.dtype !== 'float32' || packedDtype(weight)) {
    const got = packedDtype(weight) ?? weight.dtype;
    throw new ShapeError(
      { package: 'backend', in: 'packWeight' },
      `expected a weight f32 [..., N] with N divisible by 4, got ${got} [${weight.shape.join(', ')}]`,
    );
  }
  const words = tf.tidy(() => (dtype === 'f16' ? packHalves(weight) : packBytes(weight, N)));
  // The same data under the weight's own shape and dtype: models ask for them.
  const backend = tf.backend() as WebGPUBackend;
  backend.incRef(words.dataId);
  const tensor = tf.engine().makeTensorFromDataId(words.dataId, weight.shape, 'float32', backend);
  packed.set(words.dataId, dtype);
  words.dispose();
  return tensor;
}

/** The weight as f32 again, for ops without a kernel that reads packed ones; it itself if it is not packed. */
export function unpackWeight<T extends tf.Tensor>(weight: T): T {
  const dtype = packedDtype(weight);
  if (!dtype) return weight;
  const N = weight.shape.at(-1)!;
  const { columns, rows } = grid(weight.size / 4);
  const made = runKernel({
    key: `museUnpack_${dtype}`,
    inputs: { words: { tensor: weight, components: dtype === 'f16' ? 2 : 1 } },
    outputShape: [weight.size],
    outputComponents: 4,
    workgroups: [columns, rows, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(weight.size / 4), columns: int(columns), N: int(N) },
    wgsl: /* wgsl */ `
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  ${
    dtype === 'f16'
      ? 'result[i] = vec4<f32>(unpack2x16float(bitcast<u32>(words[i].x)), unpack2x16float(bitcast<u32>(words[i].y)));'
      : `let n = i * 4 % uniforms.N;
  let scale = vec4<f32>(bitcast<f32>(words[n]), bitcast<f32>(words[n + 1]), bitcast<f32>(words[n + 2]), bitcast<f32>(words[n + 3]));
  result[i] = unpack4x8snorm(bitcast<u32>(words[uniforms.N + i])) * scale;`
  }
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

/** i32 [N + size / 4]: the bits of N factors, each the column's greatest absolute value; then round(127·w / factor). */
function packBytes(weight: tf.Tensor, N: number): tf.Tensor {
  const K = weight.size / N;
  const size = weight.size / 4;
  const { columns, rows } = grid(size);
  const greatest = tf.max(tf.abs(tf.reshape(weight, [K, N])), 0); // f32 [N]
  const quarters = tf.tidy(() => tf.reshape(weight, [size, 4]));
  return runKernel({
    key: 'musePackBytes',
    inputs: { weight: { tensor: quarters, components: 4 }, greatest: { tensor: greatest, components: 1 } },
    outputShape: [N + size],
    outputType: 'int32',
    outputComponents: 1,
    workgroups: [columns, rows, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns), N: int(N) },
    wgsl: /* wgsl */ `
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.size) { return; }
  let n = i * 4 % uniforms.N;
  let scale = vec4<f32>(greatest[n], greatest[n + 1], greatest[n + 2], greatest[n + 3]);
  let share = select(weight[i] / scale, vec4<f32>(0.0), scale == vec4<f32>(0.0));
  result[uniforms.N + i] = bitcast<i32>(pack4x8snorm(share));
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
