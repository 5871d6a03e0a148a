/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import { layOutBuffers } from './bufferLayout.js';
import type { PlanInput } from './plan.js';
import { isTensor, toWords } from './planInputs.js';
import { type Recording, releaseRecording } from './recordDispatches.js';
import { bufferOf, submitPending, type TfjsWebgpu } from './tfjsWebgpu.js';

/** A dispatch with everything bound that it needs. */
interface BoundDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

interface Output {
  readonly shape: number[];
  readonly dtype: tf.DataType;
  readonly buffer: GPUBuffer;
}

const BYTES_PER_ELEMENT = 4; // of every dtype that a GPU knows: float32, int32, bool

/** Inputs of a plan's own. */
export interface OwnInputs {
  readonly tensors: tf.Tensor[];
  /** Whose values each holds: they need no second copy. Tensors never change. */
  readonly sources: (object | undefined)[];
}

/** Tensors of the shapes and dtypes to come, with the values of these. The caller disposes. */
export function copyInputs(backend: TfjsWebgpu, examples: readonly tf.Tensor[]): OwnInputs {
  const tensors = examples.map(({ shape, dtype }) => newTensor(backend, shape, dtype));
  const buffers = examples.map(({ dataId }) => bufferOf(backend, dataId));
  submitPending(backend); // what makes them, or an upload
  const encoder = backend.device.createCommandEncoder();
  for (const [i, { dataId, shape }] of tensors.entries()) {
    encoder.copyBufferToBuffer(buffers[i]!, 0, bufferOf(backend, dataId), 0, sizeInBytes(shape));
  }
  backend.device.queue.submit([encoder.finish()]);
  return { tensors, sources: examples.map(({ dataId }) => dataId) };
}

/**
 * The GPU commands of one call of a function for inputs of fixed shapes, bound to buffers of their own, so that a run
 * only encodes them again (command buffers of WebGPU are used once). Intermediates share buffers by their lifetimes.
 */
export class WebgpuReplay {
  readonly #backend: TfjsWebgpu;
  readonly #inputs: tf.Tensor[];
  readonly #sources: (object | undefined)[];
  readonly #recording: Recording;
  readonly #bound: readonly BoundDispatch[];
  readonly #outputs: readonly Output[];
  readonly #buffers: GPUBuffer[];
  /** Results that no command makes: constants and inputs as they are. */
  readonly #constants: tf.Tensor[] = [];

  /**
   * @param inputs of `copyInputs`, which the recorded call had; the replay's from now on, as is the recording
   * @param results what the recorded call gave; the caller's
   */
  constructor(
    backend: TfjsWebgpu,
    { tensors, sources }: OwnInputs,
    recording: Recording,
    results: readonly tf.Tensor[],
  ) {
    this.#backend = backend;
    this.#inputs = tensors;
    this.#sources = sources;
    this.#recording = recording;
    const { buffers, made } = this.#allocate(results);
    this.#buffers = buffers;
    this.#bound = this.#bind(made);
    this.#outputs = results.map((output) => {
      const { dataId, shape, dtype } = output;
      const buffer = made.get(dataId);
      if (!buffer) this.#constants.push(tf.clone(output));
      return { shape, dtype, buffer: buffer ?? bufferOf(backend, dataId) };
    });
  }

  get specs(): readonly Pick<tf.Tensor, 'shape' | 'dtype'>[] {
    return this.#inputs;
  }

  get dispatchCount(): number {
    return this.#bound.length;
  }

  /** Bytes of the intermediates' buffers. */
  get sizeBytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Encodes and submits one run. The tensors are the caller's; their values come when the GPU is done.
   *
   * @param inputs if left out, those of the last run, or of the recorded call
   */
  run(inputs: readonly PlanInput[] = []): tf.Tensor[] {
    const { device } = this.#backend;
    submitPending(this.#backend);
    const encoder = device.createCommandEncoder();
    this.#encodeInputs(encoder, inputs);
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    for (const { pipeline, bindGroup, workgroups } of this.#bound) {
      if (pipeline !== current) {
        pass.setPipeline(pipeline);
        current = pipeline;
      }
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    }
    pass.end();
    const outputs = this.#outputs.map(({ shape, dtype, buffer }) => {
      const output = newTensor(this.#backend, shape, dtype);
      encoder.copyBufferToBuffer(buffer, 0, bufferOf(this.#backend, output.dataId), 0, sizeInBytes(shape));
      return output;
    });
    device.queue.submit([encoder.finish()]);
    return outputs;
  }

  dispose(): void {
    tf.dispose([...this.#inputs, ...this.#constants]);
    releaseRecording(this.#backend, this.#recording);
    for (const buffer of this.#buffers) this.#backend.bufferManager.releaseBuffer(buffer);
  }

  /** Copies what the inputs do not hold already. Values are written before, tensors by the encoder. */
  #encodeInputs(encoder: GPUCommandEncoder, inputs: readonly PlanInput[]): void {
    for (const [i, input] of inputs.entries()) {
      const { dataId, shape, dtype } = this.#inputs[i]!;
      const target = bufferOf(this.#backend, dataId);
      if (!isTensor(input)) {
        this.#sources[i] = undefined;
        this.#backend.device.queue.writeBuffer(target, 0, toWords(input, dtype) as Float32Array<ArrayBuffer>);
      } else if (this.#sources[i] !== input.dataId) {
        this.#sources[i] = input.dataId;
        const source = bufferOf(this.#backend, input.dataId);
        submitPending(this.#backend); // an upload, if there was one
        encoder.copyBufferToBuffer(source, 0, target, 0, sizeInBytes(shape));
      }
    }
  }

  /** A buffer for each tensor that the commands make. */
  #allocate(results: readonly tf.Tensor[]): { buffers: GPUBuffer[]; made: Map<object, GPUBuffer> } {
    const end = this.#recording.dispatches.length;
    const lifetimes = new Map<object, { sizeBytes: number; first: number; last: number }>();
    for (const [index, { output, inputs }] of this.#recording.dispatches.entries()) {
      const sizeBytes = sizeInBytes(output.shape);
      if (!lifetimes.has(output.dataId)) lifetimes.set(output.dataId, { sizeBytes, first: index, last: index });
      for (const { dataId } of [output, ...inputs]) {
        const lifetime = lifetimes.get(dataId);
        if (lifetime) lifetime.last = index;
      }
    }
    for (const { dataId } of results) {
      const lifetime = lifetimes.get(dataId);
      if (lifetime) lifetime.last = end;
    }
    const layout = layOutBuffers([...lifetimes.values()]);
    // Of tfjs's pool, with its tensors' use: those that the recorded call has left.
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffers = layout.bufferSizes.map((size) => this.#backend.bufferManager.acquireBuffer(size, usage));
    const made = new Map([...lifetimes.keys()].map((dataId, i) => [dataId, buffers[layout.bufferOf[i]!]!]));
    return { buffers, made };
  }

  #bind(made: ReadonlyMap<object, GPUBuffer>): BoundDispatch[] {
    const layouts = new Map<GPUComputePipeline, GPUBindGroupLayout>();
    return this.#recording.dispatches.map(({ pipeline, workgroups, output, inputs, uniforms }) => {
      const layout = layouts.get(pipeline) ?? pipeline.getBindGroupLayout(0);
      layouts.set(pipeline, layout);
      const tensors = [output, ...inputs].map(({ dataId, shape }) => {
        const buffer = made.get(dataId);
        return buffer ? { buffer, size: sizeInBytes(shape) } : { buffer: bufferOf(this.#backend, dataId) };
      });
      const entries = [...tensors, uniforms].map((resource, binding) => ({ binding, resource }));
      return { pipeline, workgroups, bindGroup: this.#backend.device.createBindGroup({ layout, entries }) };
    });
  }
}

function sizeInBytes(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, BYTES_PER_ELEMENT);
}

/** A tensor with a GPU buffer of unknown values. */
function newTensor(backend: TfjsWebgpu, shape: number[], dtype: tf.DataType): tf.Tensor {
  const info = backend.makeTensorInfo(shape, dtype);
  backend.uploadToGPU(info.dataId);
  return tf.engine().makeTensorFromTensorInfo(info);
}
