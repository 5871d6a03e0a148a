/// <reference types="@webgpu/types" />

import type { DataType, Tensor, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';

/** What tfjs keeps of a tensor: its values, its GPU resource, or both. */
export interface TensorData {
  readonly values: unknown;
  readonly resource?: unknown;
  readonly dtype: DataType;
}

/** A kernel's program as tfjs hands it to `recordAndSubmit`, compiled. */
export interface CompiledProgram {
  readonly pipeline: GPUComputePipeline;
  readonly dispatch: readonly [number, number, number];
  readonly pixelsOpType?: number;
  readonly constructor: { readonly name: string };
}

export interface UniformBinding {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/**
 * The parts of tfjs's WebGPUBackend (4.22, backend_webgpu.ts) that a plan is made through. Its types hide some of them;
 * tfjs is pinned, and the tests of plans fail when one of them changes.
 */
export interface TfjsWebgpu {
  readonly device: GPUDevice;
  readonly tensorMap: { get(dataId: object): TensorData; has(dataId: object): boolean };
  readonly bufferManager: {
    acquireBuffer(size: number, usage: number): GPUBuffer;
    releaseBuffer(buffer: GPUBuffer): void;
  };
  /** Tensors of commands that are not handed in yet: until then they are kept, disposed of or not. */
  readonly commandQueueOwnedIds: WeakSet<object>;
  /** Uniform buffers that go back to the pool with the next submission. */
  readonly uniformPendingDisposal: GPUBuffer[];
  readonly commandEncoder: GPUCommandEncoder | null;

  write(values: unknown, shape: number[], dtype: DataType): object;
  read(dataId: object): Promise<unknown>;
  readSync(dataId: object): unknown;
  readToGPU(dataId: object): unknown;
  createTensorFromGPUData(data: unknown, shape: number[], dtype: DataType): Tensor;
  makeTensorInfo(shape: number[], dtype: DataType): TensorInfo;
  uploadToGPU(dataId: object): void;
  incRef(dataId: object): void;
  disposeData(dataId: object): boolean;

  makeUniforms(uniforms: unknown): UniformBinding;
  recordAndSubmit(program: CompiledProgram, output: TensorInfo, inputs: TensorInfo[], uniforms?: unknown): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** Hands in what tfjs has recorded and not submitted yet, so that later commands come after it. */
export function submitPending(backend: TfjsWebgpu): void {
  if (!backend.commandEncoder) return;
  backend.endComputePassEncoder(); // an open pass makes the submission invalid
  backend.submitQueue();
}

/** The GPU buffer of a tensor; values that are still on the host are uploaded. */
export function bufferOf(backend: TfjsWebgpu, dataId: object): GPUBuffer {
  backend.uploadToGPU(dataId);
  return backend.tensorMap.get(dataId).resource as GPUBuffer;
}

/** Keeps a tensor's data until `releaseData`, whoever disposes of the tensor. */
export function keepData(backend: TfjsWebgpu, dataId: object): void {
  backend.incRef(dataId);
}

export function releaseData(backend: TfjsWebgpu, dataId: object): void {
  const isFreed = backend.disposeData(dataId);
  if (isFreed) tf.engine().removeDataId(dataId, backend as unknown as tf.KernelBackend);
}
