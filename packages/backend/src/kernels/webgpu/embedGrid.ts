import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { int, runKernel } from './runKernel.js';
import { THREADS } from './sumOfAll.js';

export interface GridTables {
  /** f32 [V, D] */
  readonly codes: TensorInfo;
  /** f32 [h, D] */
  readonly rows: TensorInfo;
  /** f32 [w, D] */
  readonly columns: TensorInfo;
}

/**
 * codes[id] + rows[y] + columns[x] of each place of a grid, in one pass; a thread four numbers, or one where four do not divide D.
 *
 * Bindings: result f32 [B·S, D], tokenIds i32 [B, S], the tables. Dispatch ⌈D/4/64⌉ × S × B.
 */
export function embedGrid(tokenIds: TensorInfo, { codes, rows, columns }: GridTables): Tensor {
  const [B, S] = tokenIds.shape as [number, number];
  const [V, D] = codes.shape as [number, number];
  const components = D % 4 === 0 ? 4 : 1;
  const width = D / components;
  return runKernel({
    key: `museEmbedGrid_${components}`,
    inputs: {
      tokenIds: { tensor: tokenIds, components: 1 },
      codes: { tensor: codes, components },
      rows: { tensor: rows, components },
      columns: { tensor: columns, components },
    },
    outputShape: [B, S, D],
    outputComponents: components,
    workgroups: [Math.ceil(width / THREADS), S, B],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { S: int(S), V: int(V), width: int(width), side: int(columns.shape[0]!) },
    wgsl: /* wgsl */ `
fn main() {
  let d = i32(workgroupId.x) * ${THREADS} + i32(localIndex);
  if (d >= uniforms.width) { return; }
  let s = i32(workgroupId.y);
  let place = i32(workgroupId.z) * uniforms.S + s;
  let id = clamp(tokenIds[place], 0, uniforms.V - 1);
  let position = rows[s / uniforms.side * uniforms.width + d] + columns[s % uniforms.side * uniforms.width + d];
  result[place * uniforms.width + d] = codes[id * uniforms.width + d] + position;
}`,
  });
}
