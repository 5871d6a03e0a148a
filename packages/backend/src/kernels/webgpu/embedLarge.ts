/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { bufferOf, submitPending, type TfjsWebgpu } from '../../plan/tfjsWebgpu.js';
import { int, type KernelInput, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

const BYTES = 4; // of an f32
/** Rows in whose bytes an offset into a buffer may begin, whatever their width: 256 bytes is what WebGPU asks for. */
const ROWS_APART = 64;

/** Whether tfjs could not bind the tensor: some adapters bind 128 MiB at most, and CLIP's table of tokens has more. */
export function isTooLargeToBind({ size }: tf.Tensor): boolean {
  return size * BYTES > (tf.backend() as WebGPUBackend).device.limits.maxStorageBufferBindingSize;
}

/**
 * Rows of a table that is too large for one binding: it is bound piece by piece, without a copy. Not for plans, which bind whole tensors.
 *
 * Bindings: result f32 [M, D], ids i32 [M], pieces f32 [rows, D] each. Dispatch: a thread four numbers of a row, or one.
 *
 * @param table f32 [V, D] @param ids i32, any shape, in [0, V)
 * @param maxBytes of a binding
 * @returns f32 [..., D]
 */
export function embedLarge(table: tf.Tensor2D, ids: tf.Tensor, maxBytes?: number): tf.Tensor {
  const backend = tf.backend() as WebGPUBackend;
  const [V, D] = table.shape;
  const limit = maxBytes ?? backend.device.limits.maxStorageBufferBindingSize;
  const rows = Math.floor(limit / (BYTES * D * ROWS_APART)) * ROWS_APART;
  const views = piecesOf(backend as unknown as TfjsWebgpu, table, rows);
  const components = D % 4 === 0 ? 4 : 1;
  const type = components === 4 ? 'vec4<f32>' : 'f32';
  const pieces = views.map((tensor, i): [string, KernelInput] => [`piece${i}`, { tensor, components }]);
  const width = D / components;
  const count = ids.size * width;
  const columns = Math.min(Math.ceil(count / THREADS), 32_768);
  try {
    return tf.tidy(() => {
      const flat = tf.reshape(tf.cast(ids, 'int32'), [-1]);
      const made = runKernel({
        key: `museEmbedLarge_${views.length}_${components}`,
        inputs: { ids: { tensor: flat, components: 1 }, ...Object.fromEntries(pieces) },
        outputShape: [ids.size, D],
        outputComponents: components,
        workgroups: [columns, Math.ceil(count / THREADS / columns), 1],
        workgroupSize: [THREADS, 1, 1],
        uniforms: { count: int(count), columns: int(columns), width: int(width), rows: int(rows), V: int(V) },
        wgsl: /* wgsl */ `
fn valueAt(piece: i32, at: i32) -> ${type} {
  switch (piece) {
    ${pieces.map(([name], i) => `case ${i}: { return ${name}[at]; }`).join('\n    ')}
    default: { return ${type}(0.0); }
  }
}
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i >= uniforms.count) { return; }
  let id = clamp(ids[i / uniforms.width], 0, uniforms.V - 1);
  result[i] = valueAt(id / uniforms.rows, id % uniforms.rows * uniforms.width + i % uniforms.width);
}`,
      });
      return tf.reshape(made, [...ids.shape, D]);
    });
  } finally {
    for (const { dataId } of views) (backend as unknown as TfjsWebgpu).disposeData(dataId);
  }
}

/** Tensors of tfjs that are parts of another's buffer; they free nothing. */
function piecesOf(backend: TfjsWebgpu, table: tf.Tensor2D, rows: number): tf.TensorInfo[] {
  const [V, D] = table.shape;
  const buffer = bufferOf(backend, table.dataId);
  submitPending(backend); // an upload, if there was one
  return Array.from({ length: Math.ceil(V / rows) }, (_, piece) => {
    const first = piece * rows;
    const numRows = Math.min(rows, V - first);
    const view = backend.makeTensorInfo([numRows, D], 'float32');
    const resource: GPUBufferBinding = { buffer, offset: first * D * BYTES, size: numRows * D * BYTES };
    Object.assign(backend.tensorMap.get(view.dataId), { resource, external: true });
    return view;
  });
}
