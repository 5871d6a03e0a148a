import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

/** How many values of a buffer WGSL reads at once. */
export type Components = 1 | 2 | 4;

export interface KernelInput {
  readonly tensor: tf.TensorInfo;
  /** The buffer is `array<vecN<…>>` of so many; 1 for `array<…>`. */
  readonly components: Components;
}

export interface KernelUniform {
  readonly type: 'int32' | 'float32';
  readonly value: number;
}

/** One dispatch of a kernel of ours, inside tfjs's own program: so it is queued, pooled and captured like tfjs's kernels. */
export interface KernelCall {
  /** Names the WGSL, with all that is interpolated into it: tfjs's shader key knows ranks and dtypes, not dimensions. */
  readonly key: string;
  /** By their names in the WGSL, in the order of their bindings. */
  readonly inputs: Readonly<Record<string, KernelInput>>;
  readonly outputShape: number[];
  readonly outputType?: 'float32' | 'int32';
  readonly outputComponents: Components;
  /** Workgroups; at most 65535 along each axis. */
  readonly workgroups: readonly [x: number, y: number, z: number];
  readonly workgroupSize: readonly [x: number, y: number, z: number];
  /** By their names, found in the WGSL as `uniforms.name`. */
  readonly uniforms?: Readonly<Record<string, KernelUniform>>;
  /** Functions and `fn main()`, which finds `workgroupId`, `localId`, `localIndex` and the buffer `result`. */
  readonly wgsl: string;
}

export const MAX_WORKGROUPS = 65_535;

/** The caller owns the result, as of any op. */
export function runKernel(call: KernelCall): tf.Tensor {
  const { inputs, uniforms = {}, outputType = 'float32' } = call;
  const names = Object.keys(inputs);
  const program: WebGPUProgram = {
    shaderKey: call.key,
    outputShape: call.outputShape,
    outputComponent: call.outputComponents,
    variableNames: names,
    variableComponents: names.map((name) => inputs[name]!.components),
    // Two axes: of one, tfjs would hand `main` an index.
    dispatchLayout: { x: [0], y: [1] },
    dispatch: [...call.workgroups],
    workgroupSize: [...call.workgroupSize],
    uniforms: Object.entries(uniforms)
      .map(([name, { type }]) => `${name} : ${type === 'int32' ? 'i32' : 'f32'}, `)
      .join(''),
    getUserCode: () => call.wgsl,
  };
  const info = (tf.backend() as WebGPUBackend).runWebGPUProgram(
    program,
    names.map((name) => inputs[name]!.tensor),
    outputType,
    Object.values(uniforms).map(({ type, value }) => ({ type, data: [value] })),
  );
  return tf.engine().makeTensorFromTensorInfo(info);
}

export const int = (value: number): KernelUniform => ({ type: 'int32', value });
export const float = (value: number): KernelUniform => ({ type: 'float32', value });
