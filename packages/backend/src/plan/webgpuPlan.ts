/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import type { Plan, TensorFunction } from './plan.js';
import { checkNotDisposed, fitInputs, toTensors } from './planInputs.js';
import type { TfjsWebgpu } from './tfjsWebgpu.js';
import type { MetProducts, TileTuner } from './tileTuner.js';
import { verifiedReplay, withErrors } from './verifiedReplay.js';
import type { WebgpuReplay } from './webgpuReplay.js';

const place = { package: 'backend', in: 'capture' } as const;

/**
 * Captures a function on tfjs's webgpu backend. A first run is compared with the call that was recorded, bit by bit.
 *
 * @param tuner measures products that the function has and that are new to the device; without it they take the default tile
 * @throws MuseError if the function leaves the GPU, or if a run does not repeat it
 */
export async function webgpuPlan(
  backend: TfjsWebgpu,
  fn: TensorFunction,
  examples: readonly tf.Tensor[],
  tuner?: TileTuner,
): Promise<Plan> {
  for (const [i, { shape, dtype, size }] of examples.entries()) {
    if (size > 0 && (dtype === 'float32' || dtype === 'int32' || dtype === 'bool')) continue;
    throw new ShapeError(place, `expected input ${i} of numbers, got ${dtype} [${shape.join(', ')}]`);
  }
  let replay = await tunedReplay(backend, fn, examples, tuner);
  let isDisposed = false;
  return {
    get dispatchCount() {
      return replay.dispatchCount;
    },

    get sizeBytes() {
      return replay.sizeBytes;
    },

    async run(inputs) {
      checkNotDisposed(isDisposed);
      if (!fitInputs(replay.specs, inputs)) {
        const given = tf.tidy(() => toTensors(replay.specs, inputs).map((input) => tf.clone(input)));
        const next = await tunedReplay(backend, fn, given, tuner).finally(() => tf.dispose(given));
        if (isDisposed) next.dispose();
        checkNotDisposed(isDisposed);
        replay.dispose();
        replay = next;
      }
      return withErrors(backend.device, () => replay.run(inputs));
    },

    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      replay.dispose();
    },
  };
}

/** A replay; if it meets products that can be had faster, it is recorded again with their tiles. */
async function tunedReplay(
  backend: TfjsWebgpu,
  fn: TensorFunction,
  examples: readonly tf.Tensor[],
  tuner: TileTuner | undefined,
): Promise<WebgpuReplay> {
  if (!tuner) return verifiedReplay(backend, fn, examples);
  const met: MetProducts = new Map();
  try {
    const replay = await verifiedReplay(backend, tuner.watch(fn, met), examples);
    if (met.size === 0) return replay;
    // Its buffers are not needed while others are measured.
    replay.dispose();
    await tuner.measure(met);
  } finally {
    tuner.release(met);
  }
  return verifiedReplay(backend, fn, examples);
}
