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

export interface WebgpuPlanOptions {
  /** See `verifiedReplay`. */
  readonly free?: () => Promise<void>;
  /** Measures products that the functions have and that are new to the device; without it they take the default tile. */
  readonly tuner?: TileTuner | undefined;
}

/**
 * Captures functions that follow each other on tfjs's webgpu backend. A first run is compared with the calls that were recorded, bit by bit.
 *
 * @throws MuseError if a function leaves the GPU, or if a run does not repeat it
 */
export async function webgpuPlan(
  backend: TfjsWebgpu,
  parts: readonly TensorFunction[],
  examples: readonly tf.Tensor[],
  options: WebgpuPlanOptions = {},
): Promise<Plan> {
  for (const [i, { shape, dtype, size }] of examples.entries()) {
    if (size > 0 && (dtype === 'float32' || dtype === 'int32' || dtype === 'bool')) continue;
    throw new ShapeError(place, `expected input ${i} of numbers, got ${dtype} [${shape.join(', ')}]`);
  }
  let replay = await tunedReplay(backend, parts, examples, options);
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
        const next = await tunedReplay(backend, parts, given, options).finally(() => tf.dispose(given));
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
  parts: readonly TensorFunction[],
  examples: readonly tf.Tensor[],
  { tuner, free }: WebgpuPlanOptions,
): Promise<WebgpuReplay> {
  if (!tuner) return verifiedReplay(backend, parts, examples, free);
  const met: MetProducts = new Map();
  try {
    const replay = await verifiedReplay(
      backend,
      parts.map((part) => tuner.watch(part, met)),
      examples,
      free,
    );
    if (met.size === 0) return replay;
    // Its buffers are not needed while others are measured.
    replay.dispose();
    await tuner.measure(met);
  } finally {
    tuner.release(met);
  }
  return verifiedReplay(backend, parts, examples, free);
}
