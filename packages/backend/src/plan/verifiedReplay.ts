/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import { MuseError } from '../errors.js';
import type { TensorFunction } from './plan.js';
import { sameBits } from './sameBits.js';
import type { TfjsWebgpu } from './tfjsWebgpu.js';
import { WebgpuReplay } from './webgpuReplay.js';

const place = { package: 'backend', in: 'capture' } as const;

/**
 * Records a function, and compares a first run with the call that was recorded, bit by bit.
 *
 * @throws MuseError if the function leaves the GPU, if the device reports an error, or if a run does not repeat the function
 */
export async function verifiedReplay(
  backend: TfjsWebgpu,
  fn: TensorFunction,
  examples: readonly tf.Tensor[],
): Promise<WebgpuReplay> {
  let replay: WebgpuReplay | undefined;
  let outputs: tf.Tensor[] = [];
  try {
    outputs = await withErrors(backend.device, () => {
      replay = new WebgpuReplay(backend, fn, examples);
      return replay.run(examples);
    });
    for (const [i, output] of outputs.entries()) {
      const [got, wanted] = await Promise.all([output.data(), replay!.eager[i]!.data()]);
      if (sameBits(got, wanted)) continue;
      throw new MuseError(place, `expected output ${i} of the plan to be the function's to the bit, got other values`);
    }
    return replay!;
  } catch (error) {
    replay?.dispose();
    throw error;
  } finally {
    tf.dispose([...outputs, ...(replay?.eager ?? [])]);
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
