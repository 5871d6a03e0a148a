/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import { MuseError } from '../errors.js';
import { runTidy } from './eagerPlan.js';
import type { TensorFunction } from './plan.js';
import { newRecording, recordDispatches, releaseRecording } from './recordDispatches.js';
import { sameBits } from './sameBits.js';
import type { TfjsWebgpu } from './tfjsWebgpu.js';
import { copyInputs, WebgpuReplay } from './webgpuReplay.js';

const place = { package: 'backend', in: 'capture' } as const;

/**
 * Records functions that follow each other, and compares a first run with the calls that were recorded, bit by bit.
 *
 * @param parts the first takes the inputs, each of the others what the one before gave
 * @param free waits for what a part has used, and gives it back, before the next is recorded
 * @throws MuseError if a function leaves the GPU, if the device reports an error, or if a run does not repeat the functions
 */
export async function verifiedReplay(
  backend: TfjsWebgpu,
  parts: readonly TensorFunction[],
  examples: readonly tf.Tensor[],
  free: () => Promise<void> = async () => {},
): Promise<WebgpuReplay> {
  const inputs = copyInputs(backend, examples);
  const recording = newRecording();
  let replay: WebgpuReplay | undefined;
  let recorded = inputs.tensors;
  let outputs: tf.Tensor[] = [];
  const record = (part: TensorFunction) => {
    const before = recorded;
    // What a function gives as it was given is another tensor of the same data.
    recorded = recordDispatches(backend, recording, () =>
      runTidy(() => part(...before)).map((tensor) => (before.includes(tensor) ? tf.clone(tensor) : tensor)),
    );
    if (before !== inputs.tensors) tf.dispose(before);
  };
  try {
    for (const part of parts.slice(0, -1)) {
      await withErrors(backend.device, () => {
        record(part);
        return [];
      });
      await free();
    }
    outputs = await withErrors(backend.device, () => {
      record(parts.at(-1)!);
      replay = new WebgpuReplay(backend, inputs, recording, recorded);
      return replay.run();
    });
    for (const [i, output] of outputs.entries()) {
      const [got, wanted] = await Promise.all([output.data(), recorded[i]!.data()]);
      if (sameBits(got, wanted)) continue;
      throw new MuseError(place, `expected output ${i} of the plan to be the function's to the bit, got other values`);
    }
    return replay!;
  } catch (error) {
    if (replay) replay.dispose();
    else {
      releaseRecording(backend, recording);
      tf.dispose(inputs.tensors);
    }
    throw error;
  } finally {
    tf.dispose(outputs);
    if (recorded !== inputs.tensors) tf.dispose(recorded);
  }
}

/**
 * Runs what records and submits commands, and waits for what the device says of them: not for their results.
 *
 * @throws MuseError in the device's own words
 */
export async function withErrors(device: GPUDevice, submit: () => tf.Tensor[]): Promise<tf.Tensor[]> {
  const filters = ['internal', 'out-of-memory', 'validation'] as const;
  for (const filter of filters) device.pushErrorScope(filter);
  let outputs: tf.Tensor[] = [];
  let thrown: unknown;
  try {
    outputs = submit();
  } catch (error) {
    thrown = error ?? new Error('nothing');
  }
  const errors = Promise.all(filters.map(() => device.popErrorScope()));
  const lost = device.lost.then(({ message }) => [{ message: `the GPU was lost: ${message}` }]);
  const first = (await Promise.race([errors, lost])).find((error) => error !== null);
  if (thrown === undefined && !first) return outputs;
  tf.dispose(outputs);
  throw thrown ?? new MuseError({ package: 'backend', in: 'webgpu' }, first!.message);
}
