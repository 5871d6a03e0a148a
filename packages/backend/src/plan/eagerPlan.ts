import * as tf from '@tensorflow/tfjs';
import type { Plan, TensorFunction } from './plan.js';
import { checkNotDisposed, fitInputs, toTensors } from './planInputs.js';

/**
 * The plan of devices whose commands can't be recorded: it calls the function.
 *
 * @param checkErrors rejects with what the device has to report
 */
export function eagerPlan(fn: TensorFunction, examples: readonly tf.Tensor[], checkErrors: () => Promise<void>): Plan {
  const specs = examples.map(({ shape, dtype }) => ({ shape, dtype }));
  let isDisposed = false;
  return {
    dispatchCount: 0,
    sizeBytes: 0,
    async run(inputs) {
      checkNotDisposed(isDisposed);
      fitInputs(specs, inputs);
      const outputs = runTidy(() => fn(...toTensors(specs, inputs))).map((output) =>
        inputs.includes(output) ? tf.clone(output) : output,
      );
      try {
        await checkErrors();
      } catch (error) {
        tf.dispose(outputs);
        throw error;
      }
      return outputs;
    },
    dispose() {
      isDisposed = true;
    },
  };
}

/** Functions that follow each other as one: the first takes the inputs, each of the others what the one before gave. */
export function inSequence(parts: readonly TensorFunction[]): TensorFunction {
  return (...inputs) => {
    let tensors = inputs;
    for (const part of parts) {
      const before = tensors;
      tensors = runTidy(() => part(...before));
      tf.dispose(before.filter((tensor) => !inputs.includes(tensor) && !tensors.includes(tensor)));
    }
    return tensors;
  };
}

/** One result or several, as a list. */
export function runTidy(fn: () => tf.Tensor | readonly tf.Tensor[]): tf.Tensor[] {
  const result = tf.tidy(() => fn() as tf.TensorContainer) as tf.Tensor | tf.Tensor[];
  return Array.isArray(result) ? result : [result];
}
