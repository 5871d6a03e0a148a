/// <reference types="@webgpu/types" />
import type * as tf from '@tensorflow/tfjs';
import { MuseError } from '../errors.js';
import {
  type CompiledProgram,
  keepData,
  releaseData,
  submitPending,
  type TfjsWebgpu,
  type UniformBinding,
} from './tfjsWebgpu.js';

/** One GPU command: a compute pipeline and what it is bound to. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly workgroups: readonly [number, number, number];
  readonly output: tf.TensorInfo;
  readonly inputs: readonly tf.TensorInfo[];
  /** A buffer of tfjs's pool that now belongs to the recording. */
  readonly uniforms: UniformBinding;
}

export interface Recording {
  readonly dispatches: Dispatch[];
  /** Tensors that the commands make, without values of the host. */
  readonly made: WeakSet<object>;
  /** Tensors that the commands read and do not make: each has one reference more, so that it is not freed. */
  readonly kept: Set<object>;
}

const place = { package: 'backend', in: 'capture' } as const;

export function newRecording(): Recording {
  return { dispatches: [], made: new WeakSet(), kept: new Set() };
}

/**
 * Runs a function on tfjs's webgpu backend and writes down its GPU commands on the way, behind those that are recorded.
 *
 * @throws MuseError if it leaves the GPU: then its commands are not all that it does
 */
export function recordDispatches<T>(backend: TfjsWebgpu, { dispatches, made, kept }: Recording, fn: () => T): T {
  const hooks = {
    write(values: unknown, ...rest: [number[], tf.TensorInfo['dtype']]) {
      const dataId = originals.write.call(backend, values, ...rest);
      if (values === null || values === undefined) made.add(dataId);
      return dataId;
    },
    recordAndSubmit(program: CompiledProgram, output: tf.TensorInfo, inputs: tf.TensorInfo[], uniforms?: unknown) {
      if (program.pixelsOpType !== undefined && program.pixelsOpType !== null) refuse('no pixels of the page');
      if (!made.has(output.dataId)) refuse('no writing into tensors from outside');
      originals.recordAndSubmit.call(backend, program, output, inputs, uniforms);
      for (const { dataId } of inputs) {
        if (made.has(dataId) || kept.has(dataId)) continue;
        keepData(backend, dataId);
        kept.add(dataId);
      }
      dispatches.push({
        pipeline: program.pipeline,
        workgroups: [...program.dispatch],
        output,
        inputs: [...inputs],
        uniforms: lastUniforms!,
      });
    },
    makeUniforms(uniforms: unknown) {
      lastUniforms = originals.makeUniforms.call(backend, uniforms);
      const { uniformPendingDisposal: pending } = backend;
      pending.splice(pending.lastIndexOf(lastUniforms.buffer), 1);
      return lastUniforms;
    },
    read(dataId: object) {
      refuseRead(dataId);
      return originals.read.call(backend, dataId);
    },
    readSync(dataId: object) {
      refuseRead(dataId);
      return originals.readSync.call(backend, dataId);
    },
    readToGPU: () => refuse('no dataToGPU'),
    createTensorFromGPUData: () => refuse('no tensors of GPU buffers made inside'),
  };
  let lastUniforms: UniformBinding | undefined;

  const refuseRead = (dataId: object) => {
    if (!backend.tensorMap.get(dataId).values) refuse('no reading of values');
  };

  type Name = keyof typeof hooks;
  const names = Object.keys(hooks) as Name[];
  const originals = Object.fromEntries(names.map((name) => [name, backend[name]])) as Pick<TfjsWebgpu, Name>;
  if (names.some((name) => Object.hasOwn(backend, name))) refuse('no capture inside');
  Object.assign(backend, hooks);
  try {
    return fn();
  } finally {
    submitPending(backend);
    for (const name of names) delete (backend as Partial<TfjsWebgpu>)[name];
  }
}

/** Gives uniform buffers back to tfjs's pool and lets go of the tensors that were kept. */
export function releaseRecording(backend: TfjsWebgpu, { dispatches, kept }: Recording): void {
  for (const { uniforms } of dispatches) backend.bufferManager.releaseBuffer(uniforms.buffer);
  for (const dataId of kept) releaseData(backend, dataId);
}

function refuse(expectation: string): never {
  throw new MuseError(place, `expected a function of tensors that stays on the GPU, ${expectation}, got one that does`);
}
