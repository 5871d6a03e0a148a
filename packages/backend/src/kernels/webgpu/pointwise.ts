import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { type Activation, activationWgsl } from './activationWgsl.js';
import { int, runKernel } from './runKernel.js';

const THREADS = 64;

/** An activation of each number, one dispatch. @param x f32, any shape @returns f32 [size of x] */
export function pointwise(activation: Activation, x: TensorInfo): Tensor {
  const numbers = x.shape.reduce((product, side) => product * side, 1);
  const components = numbers % 4 === 0 ? 4 : 1;
  const size = numbers / components;
  const columns = Math.min(Math.ceil(size / THREADS), 32_768);
  return runKernel({
    key: `musePointwise_${activation}_${components}`,
    inputs: { x: { tensor: x, components } },
    outputShape: [numbers],
    outputComponents: components,
    workgroups: [columns, Math.ceil(size / THREADS / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: { size: int(size), columns: int(columns) },
    wgsl: /* wgsl */ `
${activationWgsl(activation, components === 4 ? 'vec4<f32>' : 'f32')}
fn main() {
  let i = (i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x)) * ${THREADS} + i32(localIndex);
  if (i < uniforms.size) { result[i] = activate(x[i]); }
}`,
  });
}
